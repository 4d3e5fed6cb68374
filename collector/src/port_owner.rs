//! Who has a port. In: an address that could not be bound. Out: the process that listens there, as
//! far as the system tells. Linux tells through `/proc`; elsewhere nobody is named.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// A process that listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owner {
    /// Its id.
    pub pid: u32,
    /// Its name.
    pub name: String,
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (process {})", self.name, self.pid)
    }
}

/// The process that listens where `address` would; `None` if none does or the system does not
/// tell, as for processes of other users.
pub fn find(address: SocketAddr) -> Option<Owner> {
    let inodes = listening_inodes(address);
    if inodes.is_empty() {
        return None;
    }
    std::fs::read_dir("/proc").ok()?.flatten().find_map(|entry| {
        let pid = entry.file_name().to_str()?.parse().ok()?;
        let holds = holds_socket(pid, &inodes);
        holds.then(|| Owner { pid, name: process_name(pid) })
    })
}

/// The socket numbers of whoever listens in the way of an address.
fn listening_inodes(address: SocketAddr) -> Vec<u64> {
    ["/proc/net/tcp", "/proc/net/tcp6"]
        .into_iter()
        .filter_map(|table| std::fs::read_to_string(table).ok())
        .flat_map(|table| table.lines().filter_map(listening).collect::<Vec<_>>())
        .filter(|(other, _)| in_the_way(*other, address))
        .map(|(_, inode)| inode)
        .collect()
}

fn in_the_way(other: SocketAddr, address: SocketAddr) -> bool {
    let everywhere = other.ip().is_unspecified() || address.ip().is_unspecified();
    other.port() == address.port() && (everywhere || other.ip() == address.ip())
}

/// Address and socket number of a line of the kernel's table, if the socket there listens.
fn listening(line: &str) -> Option<(SocketAddr, u64)> {
    const LISTENS: &str = "0A";
    let fields: Vec<_> = line.split_whitespace().collect();
    let [_, local, _, LISTENS, _, _, _, _, _, inode, ..] = fields[..] else { return None };
    Some((kernel_address(local)?, inode.parse().ok()?))
}

/// `0100007F:10DD` is 127.0.0.1:4317: words of the address in the machine's byte order, then the
/// port.
fn kernel_address(text: &str) -> Option<SocketAddr> {
    let (host, port) = text.split_once(':')?;
    let words = (0..host.len() / 8)
        .map(|index| u32::from_str_radix(host.get(index * 8..index * 8 + 8)?, 16).ok())
        .map(|word| word.map(u32::to_ne_bytes))
        .collect::<Option<Vec<_>>>()?;
    let ip = match words[..] {
        [word] => IpAddr::V4(Ipv4Addr::from(word)),
        [a, b, c, d] => {
            let mut octets = [0; 16];
            for (octet, byte) in octets.iter_mut().zip([a, b, c, d].concat()) {
                *octet = byte;
            }
            let v6 = Ipv6Addr::from(octets);
            v6.to_ipv4_mapped().map_or(IpAddr::V6(v6), IpAddr::V4)
        }
        _ => return None,
    };
    Some(SocketAddr::new(ip, u16::from_str_radix(port, 16).ok()?))
}

fn holds_socket(pid: u32, inodes: &[u64]) -> bool {
    let Ok(open) = std::fs::read_dir(format!("/proc/{pid}/fd")) else { return false };
    open.flatten().any(|file| {
        let Ok(target) = std::fs::read_link(file.path()) else { return false };
        let inode = target.to_str().and_then(|target| {
            target.strip_prefix("socket:[")?.strip_suffix(']')?.parse::<u64>().ok()
        });
        inode.is_some_and(|inode| inodes.contains(&inode))
    })
}

/// A process's name. The kernel keeps 15 bytes of it; where the command line begins with the same,
/// it says the rest.
fn process_name(pid: u32) -> String {
    let read = |file: &str| std::fs::read(format!("/proc/{pid}/{file}")).unwrap_or_default();
    let kept = String::from_utf8_lossy(&read("comm")).trim().to_owned();
    let command_line = read("cmdline");
    let program = command_line.split(|byte| *byte == 0).next().unwrap_or_default();
    let program = String::from_utf8_lossy(program);
    let whole = program.rsplit('/').next().unwrap_or_default();
    match (kept.as_str(), whole) {
        ("", "") => "another program".to_owned(),
        (kept, whole) if whole.starts_with(kept) => whole.to_owned(),
        (kept, _) => kept.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_s_addresses_are_read() {
        assert_eq!(kernel_address("0100007F:10DD"), Some("127.0.0.1:4317".parse().unwrap()));
        assert_eq!(
            kernel_address("00000000000000000000000001000000:10E0"),
            Some("[::1]:4320".parse().unwrap())
        );
        assert_eq!(
            kernel_address("0000000000000000FFFF00000100007F:10E0"),
            Some("127.0.0.1:4320".parse().unwrap())
        );
        for wrong in ["", ":", "0100007F", "01:10DD", "ä100007:10DD", "0100007F:10DDD"] {
            assert_eq!(kernel_address(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn whoever_listens_everywhere_is_in_the_way_of_every_address() {
        let at = |text: &str| text.parse().unwrap();
        assert!(in_the_way(at("0.0.0.0:1"), at("127.0.0.1:1")));
        assert!(in_the_way(at("[::]:1"), at("127.0.0.1:1")));
        assert!(!in_the_way(at("127.0.0.2:1"), at("127.0.0.1:1")));
        assert!(!in_the_way(at("127.0.0.1:2"), at("127.0.0.1:1")));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_port_that_this_process_has_is_this_process_s() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let owner = find(listener.local_addr().unwrap()).unwrap();
        assert_eq!(owner.pid, std::process::id());
        assert!(!owner.name.is_empty());
    }
}
