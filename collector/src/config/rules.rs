//! What has to fit together. In: a configuration whose every value is right by itself. Out: the
//! mistakes that lie between values.

use std::net::SocketAddr;

use super::Config;
use super::file::Places;
use super::mistake::{Mistake, Place};

/// Checks a whole configuration, but for what is wrong by itself already.
pub(super) fn check(config: &Config, places: &Places, mistakes: &mut Vec<Mistake>) {
    let known: Vec<_> = mistakes.iter().filter_map(|mistake| mistake.setting).collect();
    let mut wrong = |keys: &[&str], message: String, hint: &str| {
        if keys.iter().any(|key| known.contains(key)) {
            return;
        }
        // The mistake is shown where the last of the keys was set; with defaults alone there is
        // none.
        let place = keys.iter().rev().find_map(|key| places.get(key)).cloned();
        mistakes.push(Mistake::new(place.unwrap_or(Place::WholeFile), message).hint(hint));
    };
    let limits = &config.receive;
    if limits.max_decompressed_bytes < limits.max_request_bytes {
        wrong(
            &["receive.max_request_bytes", "receive.max_decompressed_bytes"],
            "`receive.max_decompressed_bytes` is less than `receive.max_request_bytes`".to_owned(),
            "a request is never smaller once decompressed",
        );
    }
    if limits.max_in_flight_bytes < limits.max_decompressed_bytes {
        wrong(
            &["receive.max_decompressed_bytes", "receive.max_in_flight_bytes"],
            "`receive.max_in_flight_bytes` is less than `receive.max_decompressed_bytes`"
                .to_owned(),
            "the largest request would never be accepted",
        );
    }
    for (one, other, address) in same_ports(config) {
        wrong(
            &[one, other],
            format!("`{one}` and `{other}` are both {address}"),
            "give each a port of its own, or turn one \"off\"",
        );
    }
}

fn same_ports(config: &Config) -> Vec<(&'static str, &'static str, SocketAddr)> {
    let listen = &config.listen;
    let ports = [
        ("listen.grpc", listen.address(listen.grpc)),
        ("listen.http", listen.address(listen.http)),
        ("listen.view", listen.address(listen.view)),
    ];
    let mut same = Vec::new();
    for (index, (other, address)) in ports.iter().enumerate() {
        for (one, earlier) in &ports[..index] {
            if let (Some(address), Some(earlier)) = (address, earlier)
                && address == earlier
                && address.port() != 0
            {
                same.push((*one, *other, *address));
            }
        }
    }
    same
}
