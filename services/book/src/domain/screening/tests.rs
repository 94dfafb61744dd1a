use super::super::order::Seats;
use super::*;

fn row(name: &str, seats: &str) -> Row {
    Row {
        name: name.to_owned(),
        seats: seats.to_owned(),
        price_class: "standard".to_owned(),
        ..Row::default()
    }
}

fn draft(rows: Vec<Row>) -> Draft {
    Draft {
        movie_name: Some("soul".to_owned()),
        theatre: Some("Hall 1".to_owned()),
        starts_at: Some(Timestamp::UNIX_EPOCH),
        rows: Some(rows),
        prices: BTreeMap::from([("standard".to_owned(), 12_000)]),
        ..Draft::default()
    }
}

fn wrong(draft: Draft) -> Vec<&'static str> {
    Announcement::parse(draft).map_or_else(|all| all.iter().map(|one| one.field).collect(), |_| vec![])
}

#[test]
fn hall_has_its_seats_row_by_row_with_aisles() {
    let rows = vec![row("1", "AB_C"), Row { accessible: "A".to_owned(), ..row("2", "A") }];
    let Admission::Seated { seats, .. } = Announcement::parse(draft(rows)).unwrap().admission else {
        panic!("it has seats");
    };
    let read: Vec<_> = seats.iter().map(|seat| (seat.name.as_str(), seat.column_number)).collect();
    assert_eq!(read, [("1A", 0), ("1B", 1), ("1C", 3), ("2A", 0)]);
    assert_eq!(seats[3].kind, SeatKind::Accessible);
}

#[test]
fn invalid_hall_is_refused() {
    for rows in [
        vec![],
        vec![row("1", "__")],
        vec![row("1", "AA")],
        vec![row("1", "A"), row("1", "a")],
        vec![row("1", "A,")],
        vec![row("1234567890", "A")],
        vec![Row { companion: "Z".to_owned(), ..row("1", "A") }],
        vec![Row { price_class: "gold".to_owned(), ..row("1", "A") }],
    ] {
        assert_eq!(wrong(draft(rows.clone())).first(), Some(&"hall"), "{rows:?}");
    }
}

#[test]
fn hall_has_at_most_a_hundred_rows_and_two_thousand_seats() {
    let rows = |rows: usize, seats: &str| -> Vec<Row> {
        (0..rows).map(|name| row(&name.to_string(), seats)).collect()
    };
    let refusal =
        |rows: Vec<Row>| Announcement::parse(draft(rows)).map(|_| ()).map_err(|all| all[0].detail.clone());
    let twenty = "ABCDEFGHIJKLMNOPQRST";
    assert_eq!(refusal(rows(100, twenty)), Ok(()));
    for none_or_many in [rows(0, "A"), rows(101, "A")] {
        assert_eq!(refusal(none_or_many), Err("must have from 1 to 100 rows".to_owned()));
    }
    let mut one_more = rows(100, twenty);
    one_more[0].seats.push('U');
    for none_or_many in [rows(1, "_"), one_more] {
        assert_eq!(refusal(none_or_many), Err("must have from 1 to 2000 seats".to_owned()));
    }
}

#[test]
fn seats_of_a_hall_are_in_normal_form() {
    let rows = vec![Row {
        accessible: "a".to_owned(),
        companion: "Ｂ".to_owned(),
        price_class: " Standard".to_owned(),
        ..row("１", "Ａb＿ｃ")
    }];
    let Admission::Seated { seats, .. } = Announcement::parse(draft(rows)).unwrap().admission else {
        panic!("it has seats");
    };
    let read: Vec<_> = seats.iter().map(|seat| (seat.name.as_str(), seat.column_number, seat.kind)).collect();
    let kinds = [SeatKind::Accessible, SeatKind::Companion, SeatKind::Standard];
    assert_eq!(read, [("1A", 0, kinds[0]), ("1B", 1, kinds[1]), ("1C", 3, kinds[2])]);
}

#[test]
fn names_with_invisible_characters_are_refused() {
    let named = |movie: &str| Draft { movie_name: Some(movie.to_owned()), ..draft(vec![row("1", "A")]) };
    assert_eq!(wrong(named("so\u{200b}ul")), ["movieName"]);
    assert_eq!(wrong(Draft { theatre: Some("Hall\u{202e}".to_owned()), ..named("soul") }), ["theatre"]);
    for odd in [row("1\u{ad}", "A"), row("1", "A\u{200b}"), row("1", "A B"), row("1", "Aａ"), row("1", "ß")]
    {
        // ß in capitals is two letters.
        let is_fine = odd.seats == "ß";
        assert_eq!(wrong(draft(vec![odd.clone()])).first(), (!is_fine).then_some(&"hall"), "{odd:?}");
    }
    let twice = BTreeMap::from([("standard".to_owned(), 1), ("Ｓtandard".to_owned(), 2)]);
    assert_eq!(wrong(Draft { prices: twice, ..draft(vec![row("1", "A")]) }), ["prices"]);
}

#[test]
fn screening_starts_within_a_year() {
    let now: Timestamp = "2026-12-01T19:30:00Z".parse().unwrap();
    for (starts_at, is_fine) in [
        ("2026-12-01T19:30:00Z", false),
        ("2026-12-01T19:30:01Z", true),
        ("2027-12-01T19:30:00Z", true),
        ("2027-12-01T19:30:01Z", false),
    ] {
        assert_eq!(check_start(starts_at.parse().unwrap(), now).is_ok(), is_fine, "{starts_at}");
    }
}

#[test]
fn screening_ends_after_its_running_time() {
    let minutes = |running_minutes| {
        let draft = Draft { running_minutes, ..draft(vec![row("1", "A")]) };
        Announcement::parse(draft).map(|read| (read.ends_at - read.starts_at).get_seconds() / 60)
    };
    assert_eq!(minutes(None), Ok(120));
    for right in [1, 600] {
        assert_eq!(minutes(Some(right)), Ok(right));
    }
    for wrong in [i64::MIN, 0, 601, i64::MAX] {
        assert_eq!(minutes(Some(wrong)).unwrap_err()[0].field, "runningMinutes", "{wrong}");
    }
    let last = Draft { starts_at: Some(Timestamp::MAX), ..draft(vec![row("1", "A")]) };
    assert_eq!(wrong(last), ["startsAt"]);
}

#[test]
fn screening_has_either_seats_or_places() {
    assert_eq!(wrong(Draft { capacity: Some(10), ..draft(vec![row("1", "A")]) }), ["hall"]);
    assert_eq!(wrong(Draft::default()), ["movieName", "theatre", "startsAt", "hall"]);
    let general = Draft { rows: None, capacity: Some(0), price: Some(-1), ..draft(vec![]) };
    assert_eq!(wrong(general), ["capacity", "price"]);
}

fn screening(place_price: Option<i64>) -> Screening {
    Screening {
        id: ScreeningId::new(1).unwrap(),
        movie_name: Name::stored("soul".to_owned()),
        starts_at: Timestamp::UNIX_EPOCH,
        place_price: place_price.map(|price| Price::parse(price).unwrap()),
    }
}

fn order(seat: Option<&str>, qty: Option<i64>, total_price: Option<i64>) -> Order {
    Order::parse(None, seat.map(str::to_owned), qty, total_price).unwrap()
}

fn admitted(screening: &Screening, order: Order) -> Result<i64, &'static str> {
    let prices = BTreeMap::from([
        ("1A".to_owned(), Price::parse(12_000).unwrap()),
        ("2B".to_owned(), Price::parse(15_000).unwrap()),
    ]);
    let of_it = |seat: &str| order.seats.iter().flat_map(Seats::names).any(|name| name == seat);
    let prices = prices.into_iter().filter(|(seat, _)| of_it(seat)).collect();
    let admitted = screening.admit(order, &prices).map_err(|invalid| invalid[0].field)?;
    Ok(admitted.total_price.unwrap().get())
}

#[test]
fn price_is_that_of_the_screening() {
    let seats = |total_price| order(Some("1A,2B"), None, total_price);
    assert_eq!(admitted(&screening(None), seats(None)), Ok(27_000));
    assert_eq!(admitted(&screening(None), seats(Some(27_000))), Ok(27_000));
    assert_eq!(admitted(&screening(None), seats(Some(1))), Err("totalPrice"));
    let places = order(None, Some(3), None);
    assert_eq!(admitted(&screening(Some(9_000)), places), Ok(27_000));
}

#[test]
fn price_beyond_the_largest_number_is_refused() {
    let two = order(None, Some(2), None);
    assert_eq!(admitted(&screening(Some(i64::MAX / 2)), two.clone()), Ok(i64::MAX - 1));
    assert_eq!(admitted(&screening(Some(i64::MAX / 2 + 1)), two), Err("qty"));
    let dear = Price::parse(i64::MAX).unwrap();
    let prices = BTreeMap::from([("1A".to_owned(), dear), ("1B".to_owned(), dear)]);
    assert!(screening(None).admit(order(Some("1A,1B"), None, None), &prices).is_err());
}

#[test]
fn movie_matches_the_screening_in_any_spelling() {
    let seat = |movie: &str| Order::parse(Some(movie.to_owned()), Some("1A".to_owned()), None, None).unwrap();
    assert_eq!(admitted(&screening(None), seat(" SOUL")), Ok(12_000));
    assert_eq!(admitted(&screening(None), seat("souls")), Err("movieName"));
}

#[test]
fn seats_must_exist_in_the_screening() {
    let seat = |seat: &str| order(Some(seat), None, None);
    assert_eq!(admitted(&screening(None), seat("1A,9Z")), Err("seat"));
    assert_eq!(admitted(&screening(None), order(None, None, None)), Err("seat"));
    assert_eq!(admitted(&screening(Some(9_000)), seat("1A")), Err("seat"));
}
