//! The URL that names the event log.

use messaging::EventsUrl;

#[test]
fn events_url_selects_the_log() {
    for url in
        ["sqlite:///tmp/events.db", "kafka://broker:9092/movie", "kafka://a.b:1,[::1]:9092/my_movie-2.0"]
    {
        assert_eq!(url.parse::<EventsUrl>().unwrap().to_string(), url);
    }
    for url in [
        "kafka://broker:9092",
        "kafka://broker:9092/",
        "kafka://broker/movie",
        "kafka://broker:0/movie",
        "kafka://:9092/movie",
        "kafka://broker:9092,/movie",
        "kafka://me:secret@broker:9092/movie",
        "kafka://broker:9092/a/b",
        "kafka://broker:9092/movie?x",
        "postgres://host/name",
        "movie",
    ] {
        let error = url.parse::<EventsUrl>().expect_err(url).to_string();
        assert_eq!(error, "must be sqlite://<file> or kafka://<host>:<port>[,<host>:<port>]/<topic>");
    }
}
