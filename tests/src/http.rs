//! The plainest HTTP client there is, so that tests can also say what no good client would say. In:
//! an address and bytes. Out: the answer.

use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// No answer may take longer.
const TIMEOUT: Duration = Duration::from_secs(30);

/// An answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// The status line and the headers.
    pub head: String,
    /// What follows.
    pub body: Vec<u8>,
}

impl Answer {
    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// Sends `GET`.
///
/// # Errors
/// What the socket says.
pub fn get(address: SocketAddr, path: &str) -> io::Result<Answer> {
    let head = format!("GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
    say(address, &[head.as_bytes()])
}

/// Sends `POST` with the body's true length.
///
/// # Errors
/// What the socket says.
pub fn post(
    address: SocketAddr,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> io::Result<Answer> {
    let mut head = format!("POST {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n");
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str(&format!("content-length: {}\r\n\r\n", body.len()));
    say(address, &[head.as_bytes(), body])
}

/// Sends bytes, whatever they are, and reads until the other side has said everything.
///
/// # Errors
/// What the socket says; [`io::ErrorKind::InvalidData`] if the answer is no HTTP.
pub fn say(address: SocketAddr, parts: &[&[u8]]) -> io::Result<Answer> {
    let mut stream = TcpStream::connect_timeout(&address, TIMEOUT)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.set_write_timeout(Some(TIMEOUT))?;
    for part in parts {
        // A server that refuses what is too large may close before it has read it; its answer
        // has been sent by then.
        if stream.write_all(part).is_err() {
            break;
        }
    }
    let mut answer = Vec::new();
    match stream.read_to_end(&mut answer) {
        Err(error) if answer.is_empty() => Err(error),
        _ => parse(&answer),
    }
}

fn parse(answer: &[u8]) -> io::Result<Answer> {
    let wrong = || io::Error::new(io::ErrorKind::InvalidData, "no HTTP answer");
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n").ok_or_else(wrong)?;
    let head = String::from_utf8_lossy(&answer[..end]).into_owned();
    let status = head.split_whitespace().nth(1).and_then(|status| status.parse().ok());
    Ok(Answer { status: status.ok_or_else(wrong)?, head, body: answer[end + 4..].to_vec() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_has_a_status_and_a_body_and_anything_else_is_none() {
        let answer = parse(b"HTTP/1.1 418 teapot\r\na: b\r\n\r\nshort").unwrap();
        assert_eq!((answer.status, answer.text()), (418, "short".to_owned()));
        assert!(parse(b"SSH-2.0\r\n\r\n").is_err());
        assert!(parse(b"").is_err());
    }
}
