//! Ports: what each is for, and whether it listens. In: an address. Out: a bound socket, or why
//! there is none, and who has it if that can be told.

use std::fmt;
use std::io;
use std::net::SocketAddr;

use tokio::net::TcpListener;

use crate::port_owner::{self, Owner};

/// What a port is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Purpose {
    /// OTLP over gRPC.
    Grpc,
    /// OTLP over HTTP.
    Http,
    /// The feed, metrics and health.
    View,
}

impl Purpose {
    /// What it is for, in words.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Grpc => "OTLP over gRPC",
            Self::Http => "OTLP over HTTP",
            Self::View => "viewers",
        }
    }

    /// The name of its setting within `[listen]`, and of its option on the command line.
    pub const fn setting(self) -> &'static str {
        match self {
            Self::Grpc => "grpc",
            Self::Http => "http",
            Self::View => "view",
        }
    }
}

impl fmt::Display for Purpose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One port of a collector.
#[derive(Debug)]
pub struct Listener {
    /// What it is for.
    pub purpose: Purpose,
    /// Where it listens; if it does not, where it was to.
    pub address: SocketAddr,
    /// Whether it listens.
    pub binding: Binding,
}

/// Whether a port listens.
#[derive(Debug)]
pub enum Binding {
    /// It does.
    Listening,
    /// It does not.
    Failed(BindError),
}

/// Why a port does not listen.
#[derive(Debug)]
pub enum BindError {
    /// Another program has it: which one, if the system tells.
    Taken(Option<Owner>),
    /// The system refuses for another reason.
    Refused(io::Error),
}

impl Listener {
    /// Why it does not listen, as a sentence without a full stop; `None` if it does.
    pub fn problem(&self) -> Option<String> {
        let Self { purpose, address, binding } = self;
        let why = match binding {
            Binding::Listening => return None,
            Binding::Failed(BindError::Taken(Some(owner))) => format!("is taken by {owner}"),
            Binding::Failed(BindError::Taken(None)) => "is taken by another program".to_owned(),
            Binding::Failed(BindError::Refused(error)) => format!("cannot be had: {error}"),
        };
        Some(format!("port {} for {purpose} ({address}) {why}", address.port()))
    }
}

/// Binds a port.
pub(crate) async fn bind(purpose: Purpose, address: SocketAddr) -> (Listener, Option<TcpListener>) {
    let bound = match TcpListener::bind(address).await {
        Ok(socket) => socket.local_addr().map(|address| (address, socket)),
        Err(error) => Err(error),
    };
    match bound {
        Ok((address, socket)) => {
            (Listener { purpose, address, binding: Binding::Listening }, Some(socket))
        }
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
            // Finding the owner reads some thousand small files of the system.
            let owner = tokio::task::spawn_blocking(move || port_owner::find(address)).await;
            let taken = BindError::Taken(owner.ok().flatten());
            (Listener { purpose, address, binding: Binding::Failed(taken) }, None)
        }
        Err(error) => {
            let refused = BindError::Refused(error);
            (Listener { purpose, address, binding: Binding::Failed(refused) }, None)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_taken_port_names_its_purpose_and_its_owner() {
        let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = taken.local_addr().unwrap();
        let (listener, socket) = bind(Purpose::Http, address).await;
        assert!(socket.is_none());
        let problem = listener.problem().unwrap();
        assert!(problem.contains(&format!("port {} for OTLP over HTTP", address.port())));
        if cfg!(target_os = "linux") {
            assert!(problem.contains(&format!("(process {})", std::process::id())), "{problem}");
        }
    }

    #[tokio::test]
    async fn an_address_of_another_computer_is_refused_with_the_system_s_reason() {
        // Reserved for documentation, so no interface has it.
        let (listener, _) = bind(Purpose::Grpc, "192.0.2.1:4317".parse().unwrap()).await;
        let problem = listener.problem().unwrap();
        assert!(problem.contains("192.0.2.1:4317") && problem.contains("cannot be had"));
    }
}
