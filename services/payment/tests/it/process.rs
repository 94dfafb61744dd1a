//! The process with an invalid configuration.

use std::process::Command;

#[test]
fn invalid_setting_names_its_variable_and_exits_64() {
    for (variable, value) in [
        ("PROCESSOR_URL", "nowhere"),
        ("PROCESSOR_DEADLINE_MS", "0"),
        ("FLEET_ID", "Seoul 1"),
        ("FLEET_ID", ""),
        ("PORT", "70000"),
    ] {
        let output = Command::new(env!("CARGO_BIN_EXE_payment"))
            .env_clear()
            .env("DATABASE_URL", "sqlite://unused.db")
            .env("EVENTS_URL", "sqlite://unused.db")
            .env("PROCESSOR_URL", "http://127.0.0.1:9")
            .env("FLEET_ID", "test")
            // Settings of the sandbox provider, which payment ignores.
            .env("PAYMENT_LATENCY_MS", "slow")
            .env("PAYMENT_DECLINE_OVER", "much")
            .env(variable, value)
            .output()
            .unwrap();
        let printed = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(64), "{printed}");
        assert!(printed.starts_with(&format!("configuration error: {variable} (--")), "{printed}");
    }
}
