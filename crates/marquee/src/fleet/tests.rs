use clap::Parser;

use super::*;
use crate::cli::Cli;

fn fleet(flags: &[&str]) -> Result<Fleet, clap::Error> {
    Cli::try_parse_from([&["marquee"], flags].concat()).map(|cli| cli.up.fleet)
}

#[test]
fn database_url_of_one_service_overrides_the_prefix() {
    let directory = tempfile::tempdir().unwrap();
    let data_dir = DataDir::open(directory.path()).unwrap();
    let urls = ["--database-url", "ticket=sqlite:///t.db", "--database-url", "point=postgres://p/points"];
    let mixed = fleet(&[&["--database-url-prefix", "postgres://db/"][..], &urls].concat()).unwrap();
    assert_eq!(mixed.database_url(Process::Ticket, &data_dir), "sqlite:///t.db");
    assert_eq!(mixed.database_url(Process::Point, &data_dir), "postgres://p/points");
    assert_eq!(mixed.database_url(Process::Book, &data_dir), "postgres://db/book");
    // All processes get the same settings, also one that is started alone.
    let passed: Vec<_> = mixed.environment().collect();
    let own = "ticket=sqlite:///t.db point=postgres://p/points".to_owned();
    assert_eq!(passed, [(DATABASE_URL_PREFIX, "postgres://db/".to_owned()), (DATABASE_URLS, own)]);
}

#[test]
fn command_that_starts_a_process_alone_contains_no_url() {
    let urls = [
        "--data-dir",
        "my data",
        "--events-url",
        "kafka://k:1/movie",
        "--database-url-prefix",
        "postgres://me:s3cret@db/",
    ];
    let command = fleet(&urls).unwrap().command_line(Process::Ticket);
    assert!(command.ends_with(" service ticket --data-dir 'my data'"), "{command}");
    assert!(fleet(&[]).unwrap().command_line(Process::Ticket).ends_with(" service ticket"));
}

#[test]
fn invalid_database_url_is_refused_with_the_reason() {
    for (url, reason) in [
        ("postgres://db/book", "must be <service>=<url>"),
        ("book", "must be <service>=<url>"),
        ("gateway=sqlite:///g.db", "no service with a database is called gateway"),
        ("book=mysql://db/book", "must start with sqlite:// or postgres://"),
    ] {
        let error = fleet(&["--database-url", url]).unwrap_err().to_string();
        assert!(error.contains(reason), "{error}");
    }
}

#[test]
fn services_trust_the_local_gateway_and_the_gateway_trusts_no_proxy() {
    let directory = tempfile::tempdir().unwrap();
    let data_dir = DataDir::open(directory.path()).unwrap();
    let fleet = fleet(&["--host", "192.0.2.1"]).unwrap();
    let trusted = |process| {
        let args = fleet.args_of(process, &data_dir);
        let flag = args.iter().position(|arg| arg == "--trusted-proxies")?;
        args[flag + 1].to_str().map(str::to_owned)
    };
    for service in Process::WITH_DATABASE {
        // Proxies that the test's environment trusts follow.
        assert!(trusted(service).unwrap().starts_with("127.0.0.1,::1"), "{service}");
    }
    assert_eq!(trusted(Process::Gateway), None);
}

#[test]
fn only_the_gateway_listens_beyond_this_machine() {
    for (host, loopback) in [("0.0.0.0", "127.0.0.1"), ("192.0.2.1", "127.0.0.1"), ("::", "::1")] {
        let fleet = fleet(&["--host", host]).unwrap();
        assert_eq!(fleet.address(Process::Gateway).ip().to_string(), host);
        for service in Process::WITH_DATABASE {
            assert_eq!(fleet.address(service).ip().to_string(), loopback, "{service} beside {host}");
        }
    }
}

#[test]
fn each_process_has_its_own_port() {
    let mut ports = Process::ALL.map(|process| process.port(DEFAULT_PORT_BASE));
    ports.sort_unstable();
    assert_eq!(ports, [8081, 8082, 8083, 8084, 8085, 8088, 8090]);
}

#[test]
fn every_process_is_stopped() {
    let mut stopped = Process::STOP_ORDER;
    stopped.sort_unstable();
    assert_eq!(stopped, Process::ALL);
}

#[test]
fn only_services_with_events_get_the_event_log() {
    let directory = tempfile::tempdir().unwrap();
    let data_dir = DataDir::open(directory.path()).unwrap();
    let fleet = fleet(&["--database-url-prefix", "postgres://db/"]).unwrap();
    for process in Process::ALL {
        let args = fleet.args_of(process, &data_dir);
        let has = |flag: &str| args.iter().any(|arg| arg == flag);
        assert_eq!(has("--events-url"), Process::SERVICES.contains(&process), "{process}");
        assert_eq!(has("--database-url"), Process::WITH_DATABASE.contains(&process), "{process}");
    }
    assert_eq!(fleet.database_url(Process::Processor, &data_dir), "postgres://db/processor");
}
