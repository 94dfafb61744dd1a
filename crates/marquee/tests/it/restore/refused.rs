//! Invalid backups and backups of other fleets are refused without any change.

use std::fs;
use std::process::Command;

use process::EXIT_CONFIG;

use super::{backed_up, restore, undo};
use crate::backup::{names, stop};
use crate::fleet::{Fleet, marquee, run};

#[tokio::test(flavor = "multi_thread")]
async fn damaged_and_foreign_backups_are_refused_and_nothing_is_moved() {
    let (mut fleet, to, id) = backed_up().await;
    // A running fleet cannot be restored.
    let (code, output) = restore(&fleet, &to, &[]).await;
    assert_eq!(code, 1);
    assert!(output.contains("is in use: fleet runs on it"), "{output}");
    stop(&mut fleet).await;

    let own = fs::read(fleet.data_dir.join("fleet-id")).unwrap();
    fs::write(fleet.data_dir.join("fleet-id"), "another\n").unwrap();
    let (code, output) = restore(&fleet, &to, &[]).await;
    assert_eq!(code, 1);
    assert!(output.contains("to the fleet another"), "{output}");
    fs::write(fleet.data_dir.join("fleet-id"), own).unwrap();

    let mut bytes = fs::read(to.join("payment.db")).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(to.join("payment.db"), bytes).unwrap();
    let (code, output) = restore(&fleet, &to, &[]).await;
    assert_eq!(code, 1);
    assert!(output.contains("the backup is damaged: ") && output.contains("payment.db"), "{output}");
    fleet.up_again().await;
    assert_eq!(fleet.rest.get(&format!("/books/{id}")).await.unwrap().status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn refused_restore_creates_no_data_directory_and_writes_nothing() {
    let mut fleet = Fleet::nothing_but_files().await;
    let nowhere = fleet.data_dir.parent().unwrap().join("nowhere");
    for (code, output) in [restore(&fleet, &nowhere, &[]).await, undo(&fleet, &[]).await] {
        assert_eq!(code, 1, "{output}");
        assert!(output.contains("is not a backup") || output.contains("nothing to undo"), "{output}");
        assert!(!fleet.data_dir.exists());
    }
    // No restore has begun, so there is nothing to undo.
    fleet.up_again().await;
    stop(&mut fleet).await;
    let (code, output) = undo(&fleet, &[]).await;
    assert_eq!(code, 1, "{output}");
    assert!(output.contains("nothing to undo"), "{output}");

    let data_dir = fleet.data_dir.parent().unwrap().join("other");
    fs::create_dir_all(data_dir.join("backups")).unwrap();
    fleet.data_dir = data_dir.clone();
    for from in [data_dir.clone(), data_dir.join("backups"), data_dir.join("backups/../../other")] {
        let (code, output) = restore(&fleet, &from, &[]).await;
        assert_eq!(code, 1, "{output}");
        assert!(output.contains("is in the data directory"), "{output}");
        assert_eq!(names(&data_dir), ["backups"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn restore_needs_either_a_backup_or_undo() {
    let fleet = Fleet::nothing_but_files().await;
    let both = undo(&fleet, &["--from", "backup"]).await;
    for (code, output) in [both, run(marquee(["restore"])).await] {
        assert_eq!(code, i32::from(EXIT_CONFIG), "{output}");
        assert!(output.contains("--from <DIR>"), "{output}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_regular_files_are_read_and_bookings_are_counted_in_the_database() {
    let (mut fleet, to, _) = backed_up().await;
    stop(&mut fleet).await;
    let text = fs::read_to_string(to.join("manifest.json")).unwrap();
    for name in ["manifest.json", "payment.db"] {
        let saved = fs::read(to.join(name)).unwrap();
        fs::remove_file(to.join(name)).unwrap();
        assert!(Command::new("mkfifo").arg(to.join(name)).status().unwrap().success());
        let (code, output) = restore(&fleet, &to, &[]).await;
        assert_eq!(code, 1, "{output}");
        assert!(output.contains(name) && output.contains("is not a regular file"), "{output}");
        fs::remove_file(to.join(name)).unwrap();
        fs::write(to.join(name), saved).unwrap();
    }
    assert!(text.contains("\"bookings\": 1,"), "{text}");
    fs::write(to.join("manifest.json"), text.replace("\"bookings\": 1,", "\"bookings\": -5,")).unwrap();
    let (code, output) = restore(&fleet, &to, &[]).await;
    assert_eq!(code, 0, "{output}");
    assert!(output.contains("restored      1 booking of"), "{output}");
}
