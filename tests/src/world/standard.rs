//! The built-in world: a shop across three clouds with every kind of node, step and source, and
//! every dialect. Its sizes are such that all of it is busy within a few thousand hops.

use spanfall_collector::reduce::node::{Node, NodeKind};

use super::description::{ResourceId, Source, Step, World, node};
use super::dialect::Dialect;

const ACCOUNT: &str = "123456789012";
const REGION: &str = "eu-west-1";
const HOME: (&str, &str) = (ACCOUNT, REGION);

impl World {
    /// The built-in world.
    pub fn standard() -> Self {
        let mut world = Self::default();
        shop(&mut world);
        back_office(&mut world);
        other_clouds(&mut world);
        world
    }

    fn aws(&mut self, kind: NodeKind, name: &str) -> ResourceId {
        self.resource(node(kind, name, ACCOUNT, REGION))
    }

    fn named(&mut self, kind: NodeKind, name: &str) -> ResourceId {
        self.resource(Node::named(kind, name))
    }
}

fn sometimes(rate: f64, step: Step) -> Step {
    Step::Sometimes(rate, Box::new(step))
}

/// What customers see: gateways, synchronous calls, tables, providers outside.
fn shop(world: &mut World) {
    use Dialect::{GoLambda, JavaLambda, NodeLambda, OldNodeLambda, OldPythonLambda, PythonLambda};
    let orders = world.function("shop-orders", PythonLambda, HOME);
    let catalog = world.function("shop-catalog", NodeLambda, HOME);
    let profile = world.function("shop-profile", OldPythonLambda, HOME);
    let pricing = world.function("shop-pricing", OldNodeLambda, HOME);
    let payment = world.function("shop-payment", PythonLambda, HOME);
    let stock = world.function("shop-stock", JavaLambda, HOME);
    let fraud = world.function("shop-fraud", GoLambda, HOME);
    let search = world.function("shop-search", NodeLambda, HOME);
    let mailer = world.function("shop-mailer", PythonLambda, HOME);

    let api = world.named(NodeKind::Api, "a1b2c3d4e5.execute-api.eu-west-1.amazonaws.com");
    let orders_table = world.aws(NodeKind::Table, "shop-orders-table");
    let profiles = world.aws(NodeKind::Table, "shop-profiles");
    let prices = world.aws(NodeKind::Table, "shop-prices");
    let payments = world.named(NodeKind::Host, "api.payments.example");
    let rates = world.named(NodeKind::Host, "api.rates.example:8443");
    let mail = world.named(NodeKind::Host, "api.mail.example");
    let shipments = world.aws(NodeKind::Queue, "shipments");
    let events = world.aws(NodeKind::Topic, "order-events");

    world.does(
        orders,
        [
            Step::Invoke(profile),
            Step::Together(vec![Step::Invoke(pricing), Step::Invoke(stock), Step::Invoke(fraud)]),
            Step::Invoke(payment),
            Step::Use(orders_table),
            Step::Send(shipments),
            Step::Send(events),
            sometimes(0.6, Step::InvokeLater(mailer)),
        ],
    );
    world.does(
        catalog,
        [
            Step::Use(prices),
            Step::Together(vec![Step::Invoke(pricing), Step::Invoke(pricing)]),
            sometimes(0.3, Step::Invoke(search)),
        ],
    );
    world.does(search, [Step::Use(rates), sometimes(0.5, Step::Invoke(stock))]);
    world.does(profile, [Step::Use(profiles)]);
    world.does(pricing, [Step::Use(prices), sometimes(0.2, Step::Use(rates))]);
    world.does(payment, [Step::Use(payments)]);
    world.does(mailer, [Step::Use(mail)]);
    world.does(fraud, [sometimes(0.5, Step::Invoke(stock))]);

    world.tune(orders).versions = vec!["41", "42"];
    world.tune(payment).errors = 0.05;
    world.tune(pricing).throttles = 0.04;
    world.tune(mailer).errors = 0.1;
    world.tune(search).timeouts = 0.01;
    world.tune(catalog).work_ms = 25.0;
    for (program, share) in [(orders, 2.0), (catalog, 4.0), (profile, 1.0)] {
        world.sources.push(Source::Requests { gateway: Some(api), program, share });
    }
}

/// What happens behind it: queues, dead letters, topics, streams, buckets, schedules, workflows.
fn back_office(world: &mut World) {
    use Dialect::{
        DotnetLambda, JavaLambda, NodeLambda, OldNodeLambda, OldPythonLambda, PythonLambda,
    };
    let shipping = world.function("shop-shipping", PythonLambda, HOME);
    let invoices = world.function("shop-invoices", NodeLambda, HOME);
    let repairs = world.function("shop-repairs", PythonLambda, HOME);
    let analytics = world.function("shop-analytics", NodeLambda, HOME);
    let indexer = world.function("shop-label-indexer", PythonLambda, HOME);
    let report = world.function("shop-report", JavaLambda, HOME);
    let importer = world.function("shop-import", PythonLambda, HOME);
    let audit = world.function("shop-audit", OldNodeLambda, HOME);
    let returns = world.function("shop-returns", OldPythonLambda, HOME);
    let clicks = world.function("shop-clicks", NodeLambda, HOME);
    let check = world.function("shop-check", DotnetLambda, HOME);
    let restock = world.function("shop-restock", DotnetLambda, HOME);
    let auditor = world.function("shop-auditor", OldNodeLambda, HOME);

    let queue = |world: &World, name: &str| {
        ResourceId(world.resources.iter().position(|node| node.name == name).unwrap_or_default())
    };
    let (shipments, events) = (queue(world, "shipments"), queue(world, "order-events"));
    let prices = queue(world, "shop-prices");
    let lost = world.aws(NodeKind::Queue, "lost-shipments");
    let bills = world.aws(NodeKind::Queue, "bills");
    let audits = world.aws(NodeKind::Queue, "audits");
    let back = world.aws(NodeKind::Queue, "returns");
    let restocks = world.aws(NodeKind::Queue, "restocks");
    let clickstream = world.aws(NodeKind::Stream, "clickstream");
    let labels = world.named(NodeKind::Bucket, "shop-labels");
    let reports = world.named(NodeKind::Bucket, "shop-reports");
    let nightly = world.named(NodeKind::Schedule, "nightly-report");
    let imports = world.named(NodeKind::Schedule, "price-import");
    let flow = world.named(NodeKind::Service, "refund-flow");

    world.does(shipping, [Step::Use(labels), Step::Send(bills)]);
    world.does(invoices, [Step::Use(reports), sometimes(0.3, Step::Send(clickstream))]);
    world.does(indexer, [Step::Invoke(analytics)]);
    world.does(analytics, [Step::SendBatch(audits, 3)]);
    world.does(report, [Step::Use(prices), Step::Use(reports)]);
    world.does(
        importer,
        [
            Step::Use(prices),
            Step::Together(vec![Step::Invoke(check), Step::Invoke(check), Step::Invoke(audit)]),
        ],
    );
    world.does(check, [sometimes(0.5, Step::Invoke(audit)), Step::Send(back)]);
    world.does(repairs, [Step::Use(prices)]);
    world.does(returns, [Step::Use(prices)]);
    world.does(audit, [sometimes(0.5, Step::Send(restocks))]);
    world.does(restock, [Step::Use(prices)]);
    world.tune(shipping).errors = 0.15;
    world.tune(check).errors = 0.1;

    let messages = |channel, program, batch, dead_letters| Source::Messages {
        channel,
        program,
        batch,
        dead_letters,
    };
    world.sources.extend([
        messages(shipments, shipping, 10, Some(lost)),
        messages(lost, repairs, 1, None),
        messages(bills, invoices, 5, None),
        messages(audits, auditor, 1, None),
        messages(restocks, restock, 1, None),
        messages(back, returns, 1, None),
        messages(clickstream, clicks, 1, None),
        Source::Topic { topic: events, program: analytics },
        Source::TopicToQueue { topic: events, queue: bills },
        Source::Objects { bucket: labels, program: indexer },
        Source::Schedule { schedule: nightly, program: report, every_s: 20.0 },
        Source::Schedule { schedule: imports, program: importer, every_s: 7.0 },
        Source::Workflow { workflow: flow, programs: vec![check, audit, check], share: 0.3 },
    ]);
}

/// Azure, Google Cloud and plain containers.
fn other_clouds(world: &mut World) {
    use Dialect::{AzureFunction, CloudRun, Service};
    let azure = ("", "westeurope");
    let google = ("shop-prod-4711", "europe-west1");
    let loyalty = world.function("shop-loyalty", AzureFunction, azure);
    let points = world.function("shop-points", AzureFunction, azure);
    let images = world.function("shop-images", CloudRun, google);
    let resize = world.function("shop-resize", CloudRun, google);
    let checkout = world.program(Node::named(NodeKind::Service, "checkout"), Service);
    let carts = world.program(Node::named(NodeKind::Service, "carts"), Service);
    let taxes = world.program(Node::named(NodeKind::Service, "taxes"), Service);

    let ledger = world.named(NodeKind::Queue, "loyalty-ledger");
    let uploads = world.named(NodeKind::Topic, "image-uploads");
    let orders = world.named(NodeKind::Stream, "cart-events");
    let database = world.named(NodeKind::Database, "carts.db.shop.example");
    let cache = world.named(NodeKind::Database, "cache.shop.example");
    let tax_office = world.named(NodeKind::Host, "tax.office.example");

    world.does(checkout, [Step::Http(carts), Step::Grpc(taxes), Step::Http(loyalty)]);
    world.does(carts, [Step::Use(database), Step::Use(cache), sometimes(0.5, Step::Send(orders))]);
    world.does(taxes, [sometimes(0.5, Step::Use(tax_office))]);
    world.does(loyalty, [Step::Send(ledger)]);
    world.does(images, [Step::Http(resize), Step::Send(uploads)]);
    world.tune(taxes).errors = 0.05;
    world.tune(carts).throttles = 0.02;

    let messages =
        |channel, program| Source::Messages { channel, program, batch: 1, dead_letters: None };
    world.sources.extend([
        messages(ledger, points),
        messages(uploads, resize),
        messages(orders, taxes),
        Source::Requests { gateway: None, program: checkout, share: 1.5 },
        Source::Requests { gateway: None, program: images, share: 0.7 },
    ]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_standard_world_has_every_dialect_and_every_kind_but_users() {
        let world = World::standard();
        for dialect in Dialect::ALL {
            assert!(world.programs.iter().any(|program| program.dialect == dialect), "{dialect:?}");
        }
        for kind in NodeKind::ALL.into_iter().filter(|kind| *kind != NodeKind::Users) {
            assert!(world.nodes().any(|node| node.kind == kind), "{kind}");
        }
        assert!((30..=60).contains(&world.nodes().count()), "{}", world.nodes().count());
    }
}
