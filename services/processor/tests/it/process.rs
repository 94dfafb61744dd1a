//! The process with an invalid configuration.

use std::process::Command;

#[test]
fn invalid_setting_names_its_variable_and_exits_64() {
    for (variable, value) in [
        ("PAYMENT_LATENCY_MS", "620..400"),
        ("PAYMENT_LATENCY_MS", "slow"),
        ("PAYMENT_DECLINE_OVER", "-1"),
        ("PAYMENT_DECLINE_OVER", "much"),
        ("PAYMENT_FAULTS", "lost"),
        ("PAYMENT_FAULTS", "lost=0.7,late=0.7"),
        ("PORT", "70000"),
    ] {
        let output = Command::new(env!("CARGO_BIN_EXE_processor"))
            .env_clear()
            .env("DATABASE_URL", "sqlite://unused.db")
            .env(variable, value)
            .output()
            .unwrap();
        let printed = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(64), "{printed}");
        assert!(printed.starts_with(&format!("configuration error: {variable} (--")), "{printed}");
    }
}
