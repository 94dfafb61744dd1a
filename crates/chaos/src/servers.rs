//! PostgreSQL and Kafka, started by `.ci/backends`, which can be killed and restarted.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;

use tempfile::TempDir;

use crate::Outcome;

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../.ci/backends");

/// Running servers. They stop when this is dropped.
#[derive(Debug)]
pub struct Servers {
    pub postgres: SocketAddr,
    pub kafka: SocketAddr,
    directory: TempDir,
}

/// One of the servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Server {
    Postgres,
    Kafka,
}

impl Server {
    fn name(self) -> &'static str {
        match self {
            Self::Postgres => "postgres",
            Self::Kafka => "kafka",
        }
    }
}

impl Servers {
    pub fn start() -> Outcome<Self> {
        use std::os::unix::fs::PermissionsExt;
        println!("starting PostgreSQL and Kafka …");
        let directory = TempDir::new()?;
        // PostgreSQL does not run as root, and must be able to read its files.
        std::fs::set_permissions(directory.path(), std::fs::Permissions::from_mode(0o755))?;
        let unset = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut servers = Self { postgres: unset, kafka: unset, directory };
        let variables = servers.command(&["up"])?;
        let address = |variable: &str| -> Outcome<SocketAddr> {
            let line =
                variables.lines().find_map(|line| line.strip_prefix("export ")?.strip_prefix(variable));
            let host = line.and_then(|url| url.split("//").nth(1)?.split('/').next()?.rsplit('@').next());
            Ok(host.ok_or(format!("{SCRIPT} does not print {variable}"))?.parse()?)
        };
        let (postgres, kafka) = (address("TEST_POSTGRES_URL=")?, address("TEST_KAFKA_URL=")?);
        (servers.postgres, servers.kafka) = (postgres, kafka);
        Ok(servers)
    }

    /// Kills a server (kill -9).
    pub async fn kill(&self, server: Server) -> Outcome {
        self.command_beside(vec!["kill", server.name()]).await
    }

    /// Starts a killed server again, with the same port and data.
    pub async fn start_again(&self, server: Server) -> Outcome {
        self.command_beside(vec!["start", server.name()]).await
    }

    /// Freezes Kafka. After a while, its controller, which is in the same process, considers the broker dead.
    pub async fn freeze_kafka(&self) -> Outcome {
        self.command_beside(vec!["freeze"]).await
    }

    pub async fn thaw_kafka(&self) -> Outcome {
        self.command_beside(vec!["thaw"]).await
    }

    async fn command_beside(&self, args: Vec<&'static str>) -> Outcome {
        let state = self.state();
        tokio::task::spawn_blocking(move || run(&state, &args).map(drop)).await?
    }

    fn command(&self, args: &[&str]) -> Outcome<String> {
        run(&self.state(), args)
    }

    fn state(&self) -> PathBuf {
        self.directory.path().join("servers")
    }
}

fn run(state: &std::path::Path, args: &[&str]) -> Outcome<String> {
    let output = Command::new(SCRIPT).args(args).env("MARQUEE_BACKENDS", state).output()?;
    if !output.status.success() {
        return Err(format!("{SCRIPT} {args:?}: {}", String::from_utf8_lossy(&output.stderr)).into());
    }
    Ok(String::from_utf8(output.stdout)?)
}

impl Drop for Servers {
    fn drop(&mut self) {
        if let Err(error) = self.command(&["down"]) {
            eprintln!("the servers may not have stopped completely: {error}");
        }
    }
}
