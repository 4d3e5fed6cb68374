//! Web pages: which of them may read the feed. In: the origin that a browser tells, such as
//! `https://wall.example`. Out: yes or no. Otherwise every page that somebody opens could watch what
//! runs on their computer.

use std::net::IpAddr;

/// Whether a page of that origin may read; `None` for programs that are no browsers.
pub(super) fn may_read(allowed: &[String], origin: Option<&str>) -> bool {
    let Some(origin) = origin else { return true };
    allowed.iter().any(|allowed| allowed == "*" || allowed == origin) || is_of_this_computer(origin)
}

/// Whether an origin, such as `http://localhost:8080`, is of this computer.
fn is_of_this_computer(origin: &str) -> bool {
    let Some((_, authority)) = origin.split_once("://") else { return false };
    let host = match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => authority,
    };
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn web_pages_of_elsewhere_read_only_if_they_are_named() {
        let allowed = ["https://wall.example".to_owned()];
        for origin in [
            None,
            Some("http://localhost:8080"),
            Some("http://127.0.0.1"),
            Some("http://[::1]:1"),
            Some("https://wall.example"),
        ] {
            assert!(may_read(&allowed, origin), "{origin:?}");
        }
        for origin in [
            "http://wall.example",
            "https://evil.example",
            "http://localhost.evil.example",
            "null",
            "",
        ] {
            assert!(!may_read(&allowed, Some(origin)), "{origin}");
        }
        assert!(may_read(&["*".to_owned()], Some("https://evil.example")));
    }
}
