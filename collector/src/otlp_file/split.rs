//! Cutting a recording into requests. In: the content, and how its requests are told apart. Out: one
//! request's bytes at a time; never more of the file in memory than that.

use super::MAX_REQUEST_BYTES;
use super::detect::{Framing, Scanner, big_endian, varint};
use super::error::{Fault, ReadError};
use super::request::Raw;
use super::source::Content;

/// Cuts one recording.
pub(super) struct Splitter {
    content: Content,
    framing: Framing,
    /// The line that the window begins in, from 1.
    line: u64,
    /// Nothing more can be read, or made sense of.
    ended: bool,
}

/// The next request, or what is wrong where it should be; `None` at the end.
type Next = Option<Result<Raw, ReadError>>;

impl Splitter {
    pub(super) fn new(content: Content, framing: Framing) -> Self {
        Self { content, framing, line: 1, ended: false }
    }

    pub(super) fn next(&mut self) -> Next {
        if self.ended {
            return None;
        }
        match self.framing {
            Framing::Lines => self.line(),
            Framing::Documents => self.document(),
            Framing::BigEndian => self.frame(big_endian),
            Framing::Varint => self.frame(varint),
            Framing::Bare => self.bare(),
        }
    }

    /// The next line that is not empty.
    fn line(&mut self) -> Next {
        loop {
            let Some((length, ends)) = self.find_newline() else {
                let error = self.error(Fault::TooLong);
                self.skip_line();
                return Some(Err(error));
            };
            if length == 0 && !ends {
                return self.end();
            }
            let place = self.content.place(Some(self.line));
            let bytes = self.content.take(length);
            if ends {
                self.content.skip(1);
                self.line += 1;
            } else {
                // Whoever decodes the piece tells whether anything is missing.
                self.content.forget_cut();
            }
            if !bytes.trim_ascii().is_empty() {
                return Some(Ok(Raw { bytes, place, json: Some(true), complete: ends }));
            }
        }
    }

    /// The length of the next line, and whether a newline ends it; `None` if it is too long.
    fn find_newline(&mut self) -> Option<(usize, bool)> {
        let mut searched = 0;
        loop {
            let unsearched = self.content.window().get(searched..).unwrap_or_default();
            if let Some(at) = unsearched.iter().position(|byte| *byte == b'\n') {
                return Some((searched + at, true));
            }
            searched = self.content.window().len();
            if searched > MAX_REQUEST_BYTES {
                return None;
            }
            if !self.content.grow() {
                return Some((searched, false));
            }
        }
    }

    /// Passes over a line that is too long, without holding it.
    fn skip_line(&mut self) {
        loop {
            let window = self.content.window();
            if let Some(at) = window.iter().position(|byte| *byte == b'\n') {
                self.content.skip(at + 1);
                self.line += 1;
                return;
            }
            self.content.skip(window.len());
            if !self.content.grow() {
                return;
            }
        }
    }

    /// The next JSON object, over as many lines as it takes.
    fn document(&mut self) -> Next {
        self.skip_space();
        match self.content.window().first() {
            None => return self.end(),
            Some(b'{') => {}
            Some(byte) => {
                let what = format!("`{}` where a JSON object should begin", byte.escape_ascii());
                return self.fail(Fault::Json(what));
            }
        }
        let mut scanner = Scanner::default();
        let mut at = 0;
        loop {
            let Some(byte) = self.content.window().get(at) else {
                if self.content.window().len() > MAX_REQUEST_BYTES {
                    return self.fail(Fault::TooLong);
                }
                if self.content.grow() {
                    continue;
                }
                let bad = self.content.bad_end(Some(self.line)).filter(|bad| !bad.is_cut());
                self.ended = true;
                return Some(Err(bad.unwrap_or_else(|| self.error(Fault::Unfinished))));
            };
            at += 1;
            if scanner.step(*byte) {
                break;
            }
        }
        let place = self.content.place(Some(self.line));
        let bytes = self.content.take(at);
        self.line += newlines(&bytes);
        Some(Ok(Raw { bytes, place, json: Some(true), complete: true }))
    }

    /// Goes to the next byte that is not white space (or a byte order mark).
    fn skip_space(&mut self) {
        loop {
            let window = self.content.window();
            let blank = window
                .iter()
                .position(|byte| !byte.is_ascii_whitespace() && !b"\xef\xbb\xbf".contains(byte))
                .unwrap_or(window.len());
            self.line += newlines(window.get(..blank).unwrap_or_default());
            self.content.skip(blank);
            if !self.content.window().is_empty() || !self.content.grow() {
                return;
            }
        }
    }

    /// The next request after its length.
    fn frame(&mut self, length: fn(&[u8]) -> Option<(u64, usize)>) -> Next {
        self.content.grow_to(10);
        if self.content.window().is_empty() {
            return self.end();
        }
        let Some((size, header)) = length(self.content.window()) else { return self.cut() };
        if size > MAX_REQUEST_BYTES as u64 {
            return self.fail(Fault::Length { size });
        }
        let size = size as usize;
        self.content.grow_to(header + size);
        if self.content.window().len() < header + size {
            return self.cut();
        }
        self.content.skip(header);
        let place = self.content.place(None);
        let bytes = self.content.take(size);
        Some(Ok(Raw { bytes, place, json: None, complete: true }))
    }

    /// Everything as one request.
    fn bare(&mut self) -> Next {
        self.content.grow_to(MAX_REQUEST_BYTES + 1);
        if self.content.window().len() > MAX_REQUEST_BYTES {
            return self.fail(Fault::TooLong);
        }
        if let Some(bad) = self.content.bad_end(None) {
            self.ended = true;
            return Some(Err(bad));
        }
        let place = self.content.place(None);
        self.ended = true;
        let bytes = self.content.take(usize::MAX);
        Some(Ok(Raw { bytes, place, json: Some(false), complete: true }))
    }

    fn json_line(&self) -> Option<u64> {
        matches!(self.framing, Framing::Lines | Framing::Documents).then_some(self.line)
    }

    fn error(&self, fault: Fault) -> ReadError {
        ReadError { place: self.content.place(self.json_line()), fault }
    }

    /// What is wrong here leaves nothing to go on with.
    fn fail(&mut self, fault: Fault) -> Next {
        self.ended = true;
        Some(Err(self.error(fault)))
    }

    /// The content ends within a request.
    fn cut(&mut self) -> Next {
        self.ended = true;
        let bad = self.content.bad_end(None);
        Some(Err(bad.unwrap_or_else(|| self.error(Fault::Cut))))
    }

    /// The content ends between two requests.
    fn end(&mut self) -> Next {
        self.ended = true;
        let line = self.json_line();
        self.content.bad_end(line).map(Err)
    }
}

fn newlines(bytes: &[u8]) -> u64 {
    bytes.iter().filter(|byte| **byte == b'\n').count() as u64
}
