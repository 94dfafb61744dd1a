//! `--rebuild` on a real fleet: after the view's tables were emptied, it recreates all rows.

use marquee::fleet::Process;
use storage::{DatabaseUrl, Db, Settings, query};

use crate::clients::{Load, settled};
use crate::fleet::{Fleet, Started, marquee};

/// Number of bookings before, during and after the rebuild.
const STRETCH: usize = 200;

#[tokio::test(flavor = "multi_thread")]
async fn emptied_view_is_rebuilt_during_bookings() {
    let fleet = Fleet::up().await;
    let load = Load::start(&fleet.rest);
    load.books_more(STRETCH).await;
    empty(&fleet).await;
    // The first rebuild is killed at any point, and does not disturb the second one.
    start_rebuild(&fleet).kill();
    load.books_more(STRETCH).await;
    rebuild(&fleet).await;
    load.books_more(STRETCH).await;
    let answers = load.stop().await;
    assert_eq!(answers.by_status.keys().collect::<Vec<_>>(), [&201], "{:?}", answers.by_status);
    settled(&fleet, &answers.booked).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn view_is_rebuilt_while_mypage_is_stopped() {
    let mut fleet = Fleet::up().await;
    let load = Load::start(&fleet.rest);
    load.books_more(STRETCH).await;
    fleet.stop(Process::Mypage).await;
    empty(&fleet).await;
    rebuild(&fleet).await;
    fleet.start_alone(Process::Mypage).await;
    let answers = load.stop().await;
    settled(&fleet, &answers.booked).await;
}

fn start_rebuild(fleet: &Fleet) -> Started {
    let mut command = marquee(["service", "mypage"]);
    command.args(fleet.flags()).args(["--", "--rebuild"]);
    Started::spawn(command)
}

async fn rebuild(fleet: &Fleet) {
    let mut rebuild = start_rebuild(fleet);
    let code = rebuild.exit_code().await;
    let output = rebuild.output();
    assert_eq!(code, 0, "{output}");
    for line in ["\"rebuilding the view\"", "\"percent\":100,", "\"the view is rebuilt\""] {
        assert!(output.contains(line), "{line}: {output}");
    }
}

/// Empties the tables of the view.
async fn empty(fleet: &Fleet) {
    let flags = fleet.flags();
    let prefix = flags.iter().skip_while(|flag| *flag != "--database-url-prefix").nth(1);
    let url: DatabaseUrl = match prefix {
        Some(prefix) => format!("{prefix}mypage").parse().unwrap(),
        None => format!("sqlite://{}/mypage.db", fleet.data_dir.display()).parse().unwrap(),
    };
    let db = Db::open(&url, Settings::default()).await.unwrap();
    let mut tx = db.begin().await.unwrap();
    for delete in ["DELETE FROM mypages", "DELETE FROM timeline", "DELETE FROM inbox"] {
        tx.execute(query(delete)).await.unwrap();
    }
    tx.commit().await.unwrap();
}
