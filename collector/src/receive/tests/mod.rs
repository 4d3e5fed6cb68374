//! The receiver as exporters see it: real ports on this machine, a real gRPC client, and HTTP
//! written by hand, so that it can be wrong in every way.

mod connections;
mod grpc;
mod hostile;
mod http;
mod rig;
mod slow;
