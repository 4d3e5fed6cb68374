//! The feed over real sockets.

use std::net::SocketAddr;

use tokio::net::TcpListener;
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::Message as Frame;

use super::*;
use crate::clock::Clock;
use crate::cost::PriceList;
use crate::feed::hub::Settings;
use crate::feed::message::{Message, SourceLabel, Tick};
use crate::reduce::Reducer;

/// A bound for hung tests, not a measure.
const HUNG: Duration = Duration::from_secs(60);

async fn served(settings: Settings, pace: Pace) -> (Arc<Hub>, SocketAddr) {
    let reducer = Arc::new(Reducer::default());
    let hub = Hub::new(reducer, PriceList::default(), SourceLabel::Live, settings, Clock::start());
    let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = socket.local_addr().unwrap();
    let route = route(Arc::clone(&hub), TaskTracker::new(), pace);
    tokio::spawn(warp::serve(route).incoming(socket).run());
    (hub, address)
}

#[tokio::test]
async fn a_viewer_that_does_not_read_is_noticed_though_the_network_takes_everything() {
    let settings = Settings { max_lag: Duration::from_millis(400), ..Settings::default() };
    let pace = Pace {
        after_frame: Duration::from_millis(10),
        patience: Duration::from_millis(10),
        silence: HUNG,
        ..Pace::default()
    };
    let (hub, address) = served(settings, pace).await;
    let (mut socket, _) = connect_async(format!("ws://{address}/feed")).await.unwrap();
    // Small ticks, far fewer than a socket's buffers hold. From here on time goes by only while
    // nobody has anything to do; the viewer reads nothing, and so answers nothing.
    tokio::time::pause();
    for t in 0..500 {
        hub.publish(None, Some(Tick { t, ms: 200, spans: 0, ..Tick::default() }), Instant::now());
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    tokio::time::resume();
    let (mut received, mut lost) = (0, 0);
    while received + lost < 500 {
        let frame = timeout(HUNG, socket.next()).await.expect("every tick is sent or told as lost");
        let Frame::Text(text) = frame.unwrap().unwrap() else { continue };
        match serde_json::from_str(&text).unwrap() {
            Message::Tick(_) => received += 1,
            Message::Lost(told) => lost += told.ticks,
            _ => {}
        }
    }
    assert_eq!(received + lost, 500, "no tick is both sent and lost");
    assert!(lost > 0, "it was never noticed");
    assert_eq!(hub.stats().lost_ticks, lost);
}
