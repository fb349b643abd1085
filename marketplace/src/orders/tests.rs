use super::{
    book::{Orders, Taken},
    *,
};
use crate::own::Own;
use contracts::{
    action::Action,
    party::{Suspend, SuspensionReason},
};
use ledger::{api::client::Client, submission::Submission, testing};

/// Orders whose node is nowhere.
fn orders(folder: &std::path::Path) -> Orders {
    let client = Client::new("http://127.0.0.1:9", testing::document().anchor()).unwrap();
    Orders::open(Own::open(folder).unwrap(), client)
}

fn submission(orders: &Orders) -> Submission {
    let (operator, party) = (testing::operator(), testing::buyer().party);
    let action = Action::Suspend(Suspend { party, reason: SuspensionReason::OwnRequest });
    orders.0.client.sign(&operator, action, None, 0).unwrap()
}

fn once(key: &str) -> Once {
    Once::new(key, Digest([1; 32])).unwrap()
}

#[tokio::test]
async fn an_order_that_settles_while_it_is_asked_for_gives_its_answer() {
    let folder = tempfile::tempdir().unwrap();
    let orders = orders(folder.path());
    let party = testing::operator().party;
    let Ok(Taken::New(seen_open, claim)) = orders.take(&party, Some(&once("a")), 5, &submission(&orders)) else {
        panic!("it is new")
    };
    assert!(matches!(orders.resume(seen_open.clone()).await, Err(OrderError::Running)), "somebody has it");
    assert!(matches!(orders.again(&party, &once("a")).await, Err(OrderError::Running)));
    // The one who has it writes the outcome between our reading and our asking.
    let applied = Order { state: OrderState::Applied { height: 7, time_ms: 8, index: 9 }, ..seen_open.clone() };
    orders.close(applied.clone()).unwrap();
    drop(claim);
    assert_eq!(orders.resume(seen_open.clone()).await.unwrap(), applied);
    assert_eq!(orders.resume(seen_open).await.unwrap(), applied, "asking leaves nothing behind");
    assert_eq!(orders.again(&party, &once("a")).await.unwrap(), Some(applied));
    assert_eq!((orders.open_count().unwrap(), orders.take_up().await.unwrap()), (0, 0));
}

#[tokio::test]
async fn a_key_is_for_one_request_of_one_party() {
    let folder = tempfile::tempdir().unwrap();
    let orders = orders(folder.path());
    let party = testing::operator().party;
    let first = submission(&orders);
    let Ok(Taken::New(order, claim)) = orders.take(&party, Some(&once("a")), 5, &first) else { panic!("it is new") };
    drop(claim);
    let Ok(Taken::Known(known)) = orders.take(&party, Some(&once("a")), 6, &submission(&orders)) else {
        panic!("the key is taken: nothing else is signed under it")
    };
    assert_eq!(known, order);
    let other = Once::new("a", Digest([2; 32])).unwrap();
    assert!(matches!(orders.again(&party, &other).await, Err(OrderError::KeyReused)));
    assert_eq!(orders.again(&testing::buyer().party, &once("a")).await.unwrap(), None, "keys are each party's own");
    // The node is nowhere: the order stays open, and can be asked for again at once.
    assert_eq!(orders.take_up().await.unwrap(), 1);
    for _ in 0..2 {
        assert!(
            matches!(orders.again(&party, &once("a")).await, Err(OrderError::Undecided { id, .. }) if id == order.id)
        );
    }
    let (listed, next) = orders.of(&party, None, 10).unwrap();
    assert_eq!((listed, next), (vec![order], None));
    for bad in ["", "\"\"", "tab\there", &"x".repeat(256)] {
        assert!(matches!(Once::new(bad, Digest([1; 32])), Err(OrderError::KeyMissing)), "{bad}");
    }
}
