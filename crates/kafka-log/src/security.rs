//! How the brokers are spoken to: TLS, SASL, and which settings make no sense together.

use std::convert::Infallible;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use clap::ValueEnum;
use rdkafka::ClientConfig;

/// TLS, and SCRAM with it, comes with OpenSSL, which takes minutes to build.
const HAS_TLS: bool = cfg!(feature = "tls");

/// The settings every client of Kafka has, by their usual names.
#[derive(clap::Args, Clone, Debug, Default)]
pub struct KafkaSecurity {
    /// How to speak to Kafka's brokers. SSL and SASL_SSL need a binary built with `--features tls`.
    #[arg(
        long,
        env = "KAFKA_SECURITY_PROTOCOL",
        value_enum,
        ignore_case = true,
        default_value = "PLAINTEXT"
    )]
    pub kafka_security_protocol: SecurityProtocol,

    /// How to log in to the brokers, if the protocol begins with SASL. The SCRAM ones need a binary built with
    /// `--features tls`.
    #[arg(long, env = "KAFKA_SASL_MECHANISM", value_enum, ignore_case = true)]
    pub kafka_sasl_mechanism: Option<SaslMechanism>,

    /// Who logs in to the brokers.
    #[arg(long, env = "KAFKA_SASL_USERNAME")]
    pub kafka_sasl_username: Option<String>,

    /// Password of that user. By the environment rather than as a flag, which all users of the machine can see.
    #[arg(long, env = "KAFKA_SASL_PASSWORD", hide_env_values = true)]
    pub kafka_sasl_password: Option<Secret>,

    /// PEM file of the authorities that vouch for the brokers; by default those of the system.
    #[arg(long, env = "KAFKA_SSL_CA_FILE")]
    pub kafka_ssl_ca_file: Option<PathBuf>,

    /// PEM file of this client's certificate, where brokers ask for one.
    #[arg(long, env = "KAFKA_SSL_CERTIFICATE_FILE")]
    pub kafka_ssl_certificate_file: Option<PathBuf>,

    /// PEM file of that certificate's key.
    #[arg(long, env = "KAFKA_SSL_KEY_FILE")]
    pub kafka_ssl_key_file: Option<PathBuf>,

    /// Password of that key. By the environment rather than as a flag, which all users of the machine can see.
    #[arg(long, env = "KAFKA_SSL_KEY_PASSWORD", hide_env_values = true)]
    pub kafka_ssl_key_password: Option<Secret>,
}

#[derive(ValueEnum, Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SecurityProtocol {
    #[default]
    #[value(name = "PLAINTEXT")]
    Plaintext,
    #[value(name = "SSL")]
    Ssl,
    #[value(name = "SASL_PLAINTEXT")]
    SaslPlaintext,
    #[value(name = "SASL_SSL")]
    SaslSsl,
}

#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum SaslMechanism {
    #[value(name = "PLAIN")]
    Plain,
    #[value(name = "SCRAM-SHA-256")]
    ScramSha256,
    #[value(name = "SCRAM-SHA-512")]
    ScramSha512,
}

/// A text that is never shown.
#[derive(Clone)]
pub struct Secret(String);

impl FromStr for Secret {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

/// A setting that makes no sense beside the others.
#[derive(Debug, thiserror::Error)]
#[error("{variable}: {problem}")]
pub struct InvalidSetting {
    variable: &'static str,
    problem: String,
}

impl KafkaSecurity {
    /// # Errors
    ///
    /// The first setting that makes no sense, or that this binary cannot serve.
    pub fn check(&self) -> Result<(), InvalidSetting> {
        self.check_binary()?;
        self.check_login()?;
        self.check_tls()
    }

    fn check_binary(&self) -> Result<(), InvalidSetting> {
        let needs_tls = "needs TLS, and this binary was built without TLS: build with --features tls";
        let protocol = self.kafka_security_protocol;
        if protocol.has_tls() && !HAS_TLS {
            return Err(invalid("KAFKA_SECURITY_PROTOCOL", format!("{protocol} {needs_tls}")));
        }
        match self.kafka_sasl_mechanism {
            Some(mechanism) if mechanism != SaslMechanism::Plain && !HAS_TLS => {
                Err(invalid("KAFKA_SASL_MECHANISM", format!("{mechanism} {needs_tls}")))
            }
            _ => Ok(()),
        }
    }

    fn check_login(&self) -> Result<(), InvalidSetting> {
        let protocol = self.kafka_security_protocol;
        let settings = [
            ("KAFKA_SASL_MECHANISM", self.kafka_sasl_mechanism.is_some()),
            ("KAFKA_SASL_USERNAME", self.kafka_sasl_username.as_ref().is_some_and(|name| !name.is_empty())),
            (
                "KAFKA_SASL_PASSWORD",
                self.kafka_sasl_password.as_ref().is_some_and(|secret| !secret.0.is_empty()),
            ),
        ];
        for (variable, is_given) in settings {
            if protocol.has_login() && !is_given {
                return Err(invalid(variable, format!("is missing: {protocol} logs in to the brokers")));
            }
            if !protocol.has_login() && is_given {
                let problem =
                    format!("there is no login with KAFKA_SECURITY_PROTOCOL={protocol}, but with SASL_SSL");
                return Err(invalid(variable, problem));
            }
        }
        Ok(())
    }

    fn check_tls(&self) -> Result<(), InvalidSetting> {
        let protocol = self.kafka_security_protocol;
        let files = [
            ("KAFKA_SSL_CA_FILE", &self.kafka_ssl_ca_file),
            ("KAFKA_SSL_CERTIFICATE_FILE", &self.kafka_ssl_certificate_file),
            ("KAFKA_SSL_KEY_FILE", &self.kafka_ssl_key_file),
        ];
        for (variable, file) in files {
            let Some(file) = file else { continue };
            if !protocol.has_tls() {
                let problem = format!(
                    "there is no TLS with KAFKA_SECURITY_PROTOCOL={protocol}, but with SASL_SSL and SSL"
                );
                return Err(invalid(variable, problem));
            }
            check_pem(file).map_err(|problem| invalid(variable, format!("{}: {problem}", file.display())))?;
        }
        match (&self.kafka_ssl_certificate_file, &self.kafka_ssl_key_file, &self.kafka_ssl_key_password) {
            (Some(_), None, _) => {
                Err(invalid("KAFKA_SSL_KEY_FILE", "is missing: a certificate needs its key"))
            }
            (None, Some(_), _) => {
                Err(invalid("KAFKA_SSL_CERTIFICATE_FILE", "is missing: a key needs its certificate"))
            }
            (_, None, Some(_)) => {
                Err(invalid("KAFKA_SSL_KEY_FILE", "is missing: there is a password for it"))
            }
            _ => Ok(()),
        }
    }

    /// As librdkafka calls it all.
    pub(crate) fn apply(&self, config: &mut ClientConfig) {
        let protocol = self.kafka_security_protocol;
        config.set("security.protocol", protocol.to_string());
        if protocol.has_login() {
            let mechanism = self.kafka_sasl_mechanism.map(|mechanism| mechanism.to_string());
            config
                .set("sasl.mechanism", mechanism.unwrap_or_default())
                .set("sasl.username", self.kafka_sasl_username.clone().unwrap_or_default())
                .set("sasl.password", reveal(self.kafka_sasl_password.as_ref()));
        }
        if protocol.has_tls() {
            // An OpenSSL that was not built for this system does not know where its authorities are.
            let authorities = self.kafka_ssl_ca_file.as_deref().unwrap_or(Path::new("probe"));
            config.set("ssl.ca.location", path(authorities));
            if let (Some(certificate), Some(key)) =
                (&self.kafka_ssl_certificate_file, &self.kafka_ssl_key_file)
            {
                config
                    .set("ssl.certificate.location", path(certificate))
                    .set("ssl.key.location", path(key))
                    .set("ssl.key.password", reveal(self.kafka_ssl_key_password.as_ref()));
            }
        }
    }

    /// As whom this client acts.
    pub(crate) fn user(&self) -> &str {
        match &self.kafka_sasl_username {
            Some(user) if self.kafka_security_protocol.has_login() => user,
            _ => "ANONYMOUS",
        }
    }
}

impl SecurityProtocol {
    fn has_tls(self) -> bool {
        matches!(self, Self::Ssl | Self::SaslSsl)
    }

    fn has_login(self) -> bool {
        matches!(self, Self::SaslPlaintext | Self::SaslSsl)
    }
}

impl fmt::Display for SecurityProtocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(name(self).as_str())
    }
}

impl fmt::Display for SaslMechanism {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(name(self).as_str())
    }
}

fn name(value: &impl ValueEnum) -> String {
    value.to_possible_value().expect("no value is skipped").get_name().to_owned()
}

fn invalid(variable: &'static str, problem: impl Into<String>) -> InvalidSetting {
    InvalidSetting { variable, problem: problem.into() }
}

fn check_pem(file: &Path) -> Result<(), String> {
    match fs::read_to_string(file) {
        Ok(text) if text.contains("-----BEGIN ") => Ok(()),
        Ok(_) => Err("is no PEM file".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

fn path(file: &Path) -> String {
    file.to_string_lossy().into_owned()
}

fn reveal(secret: Option<&Secret>) -> String {
    secret.map(|secret| secret.0.clone()).unwrap_or_default()
}
