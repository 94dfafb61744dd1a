//! TLS and SASL: the settings, and the check that they fit together.

use std::fs;
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use rdkafka::ClientConfig;
use secrecy::{ExposeSecret, SecretString};

/// Whether this binary has TLS, and SCRAM with it. Both need OpenSSL, which takes minutes to build.
const HAS_TLS: bool = cfg!(feature = "tls");

/// The security settings of a client of Kafka, under their usual names.
#[derive(clap::Args, Clone, Debug, Default)]
pub struct KafkaSecurity {
    /// Protocol to speak with Kafka's brokers. SSL and SASL_SSL need a binary built with `--features tls`.
    #[arg(long, env = "KAFKA_SECURITY_PROTOCOL", value_enum, ignore_case = true, default_value_t)]
    pub kafka_security_protocol: SecurityProtocol,

    /// Mechanism of the login to the brokers, if the protocol begins with SASL. SCRAM needs a binary built
    /// with `--features tls`.
    #[arg(long, env = "KAFKA_SASL_MECHANISM", value_enum, ignore_case = true)]
    pub kafka_sasl_mechanism: Option<SaslMechanism>,

    /// User of the login to the brokers.
    #[arg(long, env = "KAFKA_SASL_USERNAME")]
    pub kafka_sasl_username: Option<String>,

    /// Password of that user. Set it in the environment, because all users of the machine can read flags.
    #[arg(long, env = "KAFKA_SASL_PASSWORD", hide_env_values = true)]
    pub kafka_sasl_password: Option<SecretString>,

    /// PEM file of the authorities that sign the brokers' certificates; by default those of the system.
    #[arg(long, env = "KAFKA_SSL_CA_FILE")]
    pub kafka_ssl_ca_file: Option<PathBuf>,

    /// PEM file of this client's certificate, if the brokers require one.
    #[arg(long, env = "KAFKA_SSL_CERTIFICATE_FILE")]
    pub kafka_ssl_certificate_file: Option<PathBuf>,

    /// PEM file of that certificate's key.
    #[arg(long, env = "KAFKA_SSL_KEY_FILE")]
    pub kafka_ssl_key_file: Option<PathBuf>,

    /// Password of that key. Set it in the environment, because all users of the machine can read flags.
    #[arg(long, env = "KAFKA_SSL_KEY_PASSWORD", hide_env_values = true)]
    pub kafka_ssl_key_password: Option<SecretString>,
}

/// How clients and brokers communicate.
#[derive(ValueEnum, Clone, Copy, Debug, Default, PartialEq, Eq)]
#[value(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum SecurityProtocol {
    #[default]
    Plaintext,
    Ssl,
    SaslPlaintext,
    SaslSsl,
}

/// How a user proves its password.
#[derive(ValueEnum, Clone, Copy, Debug, PartialEq, Eq)]
pub enum SaslMechanism {
    #[value(name = "PLAIN")]
    Plain,
    #[value(name = "SCRAM-SHA-256")]
    ScramSha256,
    #[value(name = "SCRAM-SHA-512")]
    ScramSha512,
}

/// A setting that does not fit the others, or this binary.
#[derive(Debug, thiserror::Error)]
#[error("{variable}: {problem}")]
pub struct InvalidSetting {
    variable: &'static str,
    problem: String,
}

impl KafkaSecurity {
    /// Checks that the settings fit together and that this binary supports them.
    ///
    /// # Errors
    ///
    /// The first setting that is wrong.
    pub fn check(&self) -> Result<(), InvalidSetting> {
        self.check_binary()?;
        self.check_login()?;
        self.check_tls()
    }

    fn check_binary(&self) -> Result<(), InvalidSetting> {
        let needs_tls = "needs TLS, and this binary was built without it: build with --features tls";
        let protocol = self.kafka_security_protocol;
        if protocol.has_tls() && !HAS_TLS {
            return Err(invalid("KAFKA_SECURITY_PROTOCOL", format!("{} {needs_tls}", name(protocol))));
        }
        match self.kafka_sasl_mechanism {
            Some(mechanism) if mechanism != SaslMechanism::Plain && !HAS_TLS => {
                Err(invalid("KAFKA_SASL_MECHANISM", format!("{} {needs_tls}", name(mechanism))))
            }
            _ => Ok(()),
        }
    }

    fn check_login(&self) -> Result<(), InvalidSetting> {
        let protocol = name(self.kafka_security_protocol);
        let (user, password) = (&self.kafka_sasl_username, &self.kafka_sasl_password);
        for (variable, is_set) in [
            ("KAFKA_SASL_MECHANISM", self.kafka_sasl_mechanism.is_some()),
            ("KAFKA_SASL_USERNAME", user.as_ref().is_some_and(|user| !user.is_empty())),
            (
                "KAFKA_SASL_PASSWORD",
                password.as_ref().is_some_and(|secret| !secret.expose_secret().is_empty()),
            ),
        ] {
            let problem = match (self.kafka_security_protocol.has_login(), is_set) {
                (true, false) => format!("is missing: {protocol} requires a login"),
                (false, true) => format!("{protocol} has no login; SASL_SSL has one"),
                _ => continue,
            };
            return Err(invalid(variable, problem));
        }
        Ok(())
    }

    fn check_tls(&self) -> Result<(), InvalidSetting> {
        let protocol = self.kafka_security_protocol;
        let (certificate, key) = (&self.kafka_ssl_certificate_file, &self.kafka_ssl_key_file);
        for (variable, file) in [
            ("KAFKA_SSL_CA_FILE", &self.kafka_ssl_ca_file),
            ("KAFKA_SSL_CERTIFICATE_FILE", certificate),
            ("KAFKA_SSL_KEY_FILE", key),
        ] {
            let Some(file) = file else { continue };
            if !protocol.has_tls() {
                let problem = format!("{} has no TLS; SSL and SASL_SSL have it", name(protocol));
                return Err(invalid(variable, problem));
            }
            check_pem(file).map_err(|problem| invalid(variable, format!("{}: {problem}", file.display())))?;
        }
        let (variable, reason) = match (certificate, key, &self.kafka_ssl_key_password) {
            (Some(_), None, _) => ("KAFKA_SSL_KEY_FILE", "a certificate needs its key"),
            (None, Some(_), _) => ("KAFKA_SSL_CERTIFICATE_FILE", "a key needs its certificate"),
            (_, None, Some(_)) => ("KAFKA_SSL_KEY_FILE", "KAFKA_SSL_KEY_PASSWORD is set"),
            _ => return Ok(()),
        };
        Err(invalid(variable, format!("is missing: {reason}")))
    }

    /// Translates the settings to those of librdkafka.
    pub(crate) fn apply(&self, config: &mut ClientConfig) {
        let protocol = self.kafka_security_protocol;
        config.set("security.protocol", name(protocol));
        if protocol.has_login() {
            let mechanism = self.kafka_sasl_mechanism.map(name);
            config
                .set("sasl.mechanism", mechanism.unwrap_or_default())
                .set("sasl.username", self.kafka_sasl_username.clone().unwrap_or_default())
                .set("sasl.password", reveal(self.kafka_sasl_password.as_ref()));
        }
        if protocol.has_tls() {
            // The vendored OpenSSL does not know this system's authorities; librdkafka probes for them.
            let authorities = self.kafka_ssl_ca_file.as_deref().unwrap_or(Path::new("probe"));
            config.set("ssl.ca.location", authorities.to_string_lossy());
            let files = (&self.kafka_ssl_certificate_file, &self.kafka_ssl_key_file);
            if let (Some(certificate), Some(key)) = files {
                config
                    .set("ssl.certificate.location", certificate.to_string_lossy())
                    .set("ssl.key.location", key.to_string_lossy())
                    .set("ssl.key.password", reveal(self.kafka_ssl_key_password.as_ref()));
            }
        }
    }

    /// The user as which the brokers see this client.
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

/// The name of `value` on the command line and for librdkafka.
fn name(value: impl ValueEnum) -> String {
    value.to_possible_value().expect("no value is skipped").get_name().to_owned()
}

fn invalid(variable: &'static str, problem: String) -> InvalidSetting {
    InvalidSetting { variable, problem }
}

fn check_pem(file: &Path) -> Result<(), String> {
    match fs::read_to_string(file) {
        Ok(text) if text.contains("-----BEGIN ") => Ok(()),
        Ok(_) => Err("is not a PEM file".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

fn reveal(secret: Option<&SecretString>) -> &str {
    secret.map(SecretString::expose_secret).unwrap_or_default()
}
