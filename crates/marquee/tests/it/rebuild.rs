//! `--rebuild` over the real fleet: the view is emptied behind mypage's back, and all rows are there again.

use marquee::fleet::Process;
use storage::{DatabaseUrl, Db, Settings, query};

use crate::clients::{Load, settled};
use crate::fleet::{Fleet, Started, marquee};

/// How many bookings are made before, during and after.
const STRETCH: usize = 200;

#[tokio::test(flavor = "multi_thread")]
async fn an_emptied_view_is_rebuilt_while_bookings_go_on() {
    let fleet = Fleet::up().await;
    let load = Load::start(&fleet.rest);
    load.goes_on(STRETCH).await;
    empty(&fleet).await;
    // The first one ends somewhere, and is in nobody's way.
    start_rebuild(&fleet).kill();
    load.goes_on(STRETCH).await;
    rebuild(&fleet).await;
    load.goes_on(STRETCH).await;
    let answers = load.stop().await;
    assert_eq!(answers.by_status.keys().collect::<Vec<_>>(), [&201], "{:?}", answers.by_status);
    settled(&fleet, &answers.booked).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_view_is_rebuilt_where_no_mypage_runs() {
    let mut fleet = Fleet::up().await;
    let load = Load::start(&fleet.rest);
    load.goes_on(STRETCH).await;
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
    for line in ["rebuilding the view from", "100 %", "the view is rebuilt from"] {
        assert!(output.contains(line), "{line}: {output}");
    }
}

/// As a database that was lost and made anew, but for its tables.
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
