//! What `/readyz` shows.

use http_server::health::{self, Health};
use serde_json::json;
use test_kit::Client;

#[tokio::test]
async fn component_that_is_degraded_is_shown_and_leaves_the_process_ready() {
    for component in
        [json!({"status": "UP", "breaker": "closed"}), json!({"status": "DEGRADED", "breaker": "open"})]
    {
        let shown = component.clone();
        let health = Health::always().showing_state("stock", move || shown.clone());
        let answer = Client(health::router(health)).get("/readyz").await;
        assert_eq!((answer.status.as_u16(), &answer.body["status"]), (200, &json!("UP")));
        assert_eq!(answer.body["components"]["stock"], component);
    }
}
