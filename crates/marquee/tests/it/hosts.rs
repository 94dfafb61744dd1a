//! Web pages of other origins in a browser on this machine: only the gateway, which is made for browsers,
//! answers them.

use marquee::fleet::Process;
use reqwest::Client;

use crate::fleet::Fleet;

#[tokio::test(flavor = "multi_thread")]
async fn services_reject_pages_of_other_hosts_and_origins() {
    let fleet = Fleet::up().await;
    let client = Client::builder().no_proxy().build().unwrap();
    for process in Process::ALL.into_iter().filter(|process| *process != Process::Gateway) {
        let url = format!("http://127.0.0.1:{}/api-docs/openapi.json", process.port(fleet.port_base));
        let evil = client.get(&url).header("host", format!("evil.example:{}", process.port(fleet.port_base)));
        assert_eq!(evil.send().await.unwrap().status(), 421, "{process}");
        assert_eq!(client.get(&url).send().await.unwrap().status(), 200, "{process}");
        let page = client.post(&url).header("origin", "http://evil.example");
        assert_eq!(page.send().await.unwrap().status(), 403, "{process}");
    }
}
