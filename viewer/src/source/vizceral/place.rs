//! Where Vizceral's JSON is. In: what a person types after `--vizceral`. Out: a file, or a URL.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use reqwest::Url;

/// Where Vizceral's JSON is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// In a file, which is read again when it changes.
    File(PathBuf),
    /// At a URL over plain HTTP, which is polled.
    Url(Url),
}

/// What was typed is no URL that can be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlaceError {
    /// It is no URL.
    #[error("`{text}` is no URL: {why}; write it like http://vizceral.example/traffic.json")]
    Url {
        /// What was typed.
        text: String,
        /// What is wrong with it.
        why: String,
    },
    /// TLS, or something that is not the web at all.
    #[error(
        "`{0}://` cannot be read here, only http:// and files. Where there is no http://, let curl \
         write a file, which is read again when it changes: \
         while sleep 5; do curl -sSf -o new.json URL && mv new.json traffic.json; done"
    )]
    Scheme(String),
}

/// The short form, for people: the file's name, or the URL without `http://`.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => {
                f.write_str(&path.file_name().unwrap_or(path.as_os_str()).to_string_lossy())
            }
            Self::Url(url) => {
                f.write_str(url.host_str().unwrap_or_default())?;
                if let Some(port) = url.port() {
                    write!(f, ":{port}")?;
                }
                // A query may hold a key, and a wall is for everybody.
                f.write_str(if url.path() == "/" { "" } else { url.path() })
            }
        }
    }
}

impl FromStr for Place {
    type Err = PlaceError;

    fn from_str(text: &str) -> Result<Self, PlaceError> {
        let Some((scheme, _)) = text.split_once("://") else {
            return Ok(Self::File(PathBuf::from(text)));
        };
        let scheme = scheme.trim().to_ascii_lowercase();
        if scheme != "http" {
            return Err(PlaceError::Scheme(scheme));
        }
        match Url::parse(text.trim()) {
            Ok(url) => Ok(Self::Url(url)),
            Err(error) => Err(PlaceError::Url { text: text.to_owned(), why: error.to_string() }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(text: &str) -> Result<Place, String> {
        text.parse::<Place>().map_err(|error| error.to_string())
    }

    #[test]
    fn a_url_has_a_scheme_and_everything_else_is_a_file() {
        assert_eq!(place("a/traffic.json").unwrap(), Place::File("a/traffic.json".into()));
        let url = place("http://localhost:8080/vizceral.json?key=secret").unwrap();
        assert!(matches!(url, Place::Url(_)));
        assert_eq!(url.to_string(), "localhost:8080/vizceral.json");
        assert_eq!(place("HTTP://wall.example/").unwrap().to_string(), "wall.example");
        assert_eq!(place("a/traffic.json").unwrap().to_string(), "traffic.json");
    }

    #[test]
    fn what_cannot_be_read_is_told_with_what_helps() {
        assert!(place("https://wall.example/").unwrap_err().contains("curl"));
        assert!(place("ftp://wall.example/").unwrap_err().starts_with("`ftp://`"));
        assert!(place("http://").unwrap_err().contains("write it like"));
        assert!(place("http://wall:port/").unwrap_err().contains("write it like"));
    }
}
