//! A restore succeeds although the payment provider fails temporarily or is slow.

use std::time::Duration;

use jiff::Timestamp;
use marquee::fleet::Process;
use storage::query;

use super::{backed_up, later, ledger, restore, restore_command, status};
use crate::audit::passes;
use crate::backup::{backup, stop};
use crate::cancel::cancel;
use crate::fleet::run;

#[tokio::test(flavor = "multi_thread")]
async fn charge_is_refunded_although_the_provider_fails_temporarily() {
    let (mut fleet, to, kept) = backed_up().await;
    let lost = later(&fleet, 12).await;
    stop(&mut fleet).await;
    let mut command = restore_command(&fleet, &to, &[]);
    command.env("PAYMENT_FAULTS", "lost=0.2,5xx=0.2");
    let (code, output) = run(command).await;
    assert_eq!(code, 0, "{output}");
    for id in lost {
        assert!(output.contains(&format!("refunded      booking {id}: 10000 KRW")), "{output}");
        assert_eq!(ledger(&fleet, id).await, 0);
    }
    fleet.up_again().await;
    assert_eq!(status(&fleet, kept).await.0, 200);
    passes(&fleet).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn restore_waits_for_refunds_under_way() {
    let (mut fleet, _, canceled) = backed_up().await;
    assert_eq!(cancel(&fleet, canceled).await.status, 204);
    passes(&fleet).await;
    stop(&mut fleet).await;
    // Simulates a provider that has not answered: payment will retry shortly after the restore has nothing
    // left to do.
    let soon = Timestamp::now() + Duration::from_secs(5);
    let payments = fleet.db(Process::Payment).await;
    let mut tx = payments.begin().await.unwrap();
    let put_off = query(
        "UPDATE payments SET status = 'Canceling', taken = 1, asks = 1, ask_at = $1 WHERE booking_id = $2",
    );
    let changed = tx.execute(put_off.bind(soon.as_microsecond()).bind(canceled)).await.unwrap();
    assert_eq!(changed, 1);
    tx.commit().await.unwrap();
    payments.close().await;
    let to = fleet.data_dir.with_file_name("second");
    let (code, output) = backup(&fleet, &to).await;
    assert_eq!(code, 0, "{output}");

    let (code, output) = restore(&fleet, &to, &[]).await;
    assert_eq!(code, 0, "{output}");
    assert!(output.contains("ledger agree"), "{output}");
    fleet.up_again().await;
    passes(&fleet).await;
}
