//! The control book against a naive reading of its documentation.

use std::net::IpAddr;
use std::time::Duration;

use otpgate::access::{
    Actor, BookError, Brake, ClientIp, Control, ControlBook, ControlId, DialPrefix, Draft, Effect,
    ListVerdict, Network, Query, Reason, SurgeFactor, Target,
};
use otpgate::{Pseudonym, Recipient, Region, Timestamp};
use proptest::prelude::*;

const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);
const NUMBERS: [&str; 5] =
    ["+4915112345678", "+4917212345678", "+12015550123", "+18765550123", "+5491123456789"];

fn pseudonym(seed: u8) -> Pseudonym {
    Pseudonym::from_bytes([seed; 16])
}

fn target() -> impl Strategy<Value = Target> {
    let prefix = prop_oneof![
        (0..NUMBERS.len(), 1_usize..12)
            .prop_map(|(number, digits)| NUMBERS[number][..=digits].to_owned()),
        "\\+[1-9][0-9]{0,11}",
    ];
    prop_oneof![
        Just(Target::Everything),
        prop::sample::select(vec![Region::DE, Region::US, Region::JM, Region::AR, Region::WORLD])
            .prop_map(Target::Country),
        prefix.prop_map(|text| Target::Prefix(text.parse::<DialPrefix>().unwrap())),
        (0_u8..6).prop_map(|seed| Target::Number(pseudonym(seed))),
        network().prop_map(Target::Network),
        (0_u8..4).prop_map(|seed| Target::User(pseudonym(seed))),
    ]
}

fn network() -> impl Strategy<Value = Network> {
    let addresses = vec!["203.0.113.7", "203.0.113.200", "2001:db8::7", "2001:db8:0:1::9"];
    (prop::sample::select(addresses), 8_u8..=128).prop_map(|(address, length)| {
        let address: IpAddr = address.parse().unwrap();
        Network::new(address, if address.is_ipv4() { length % 33 } else { length }).unwrap()
    })
}

fn effect() -> impl Strategy<Value = Effect> {
    prop_oneof![
        4 => Just(Effect::Allow),
        4 => Just(Effect::Block),
        1 => Just(Effect::CountryOff),
        1 => Just(Effect::KnownNumbersOnly),
        1 => Just(Effect::SmsOff),
        1 => (2_u8..=100).prop_map(|factor| Effect::ExpectSurge(SurgeFactor::new(factor).unwrap())),
        1 => Just(Effect::ForbidAutomaticBlock),
        1 => Just(Effect::LiftAutomaticBlock),
        1 => Just(Effect::ExtendAutomaticBlock),
    ]
}

fn book() -> impl Strategy<Value = ControlBook> {
    let times = (prop::option::of(0_u64..4), prop::option::of(1_u64..6));
    let purpose = prop::option::of(prop::sample::select(vec!["sign-up", "log-in"]));
    let draft = (target(), effect(), times, purpose, "[a-zß]{1,9}", "[a-z]{1,9}");
    prop::collection::vec((draft, any::<prop::sample::Index>(), 0_u8..8), 0..40).prop_map(
        |drafts| {
            let mut book = ControlBook::new();
            for ((target, effect, (since, until), purpose, reason, actor), victim, remove) in drafts
            {
                let hour = |hours: u64| NOW + Duration::from_secs(3_600 * hours);
                let (reason, actor) = (Reason::new(&reason).unwrap(), Actor::new(&actor).unwrap());
                let Ok(mut draft) = Draft::new(target, effect, reason, actor) else { continue };
                draft = since.into_iter().fold(draft, |draft, since| draft.since(hour(since)));
                draft = until.into_iter().fold(draft, |draft, until| draft.until(hour(until)));
                if let Some(only) = purpose
                    && !matches!(effect, Effect::ExpectSurge(_))
                {
                    draft = draft.for_purpose(only).unwrap();
                }
                if let Ok((larger, _)) = book.with(draft, NOW) {
                    book = larger;
                }
                if remove == 0 && book.entries().len() > 0 {
                    let id = book.entries().nth(victim.index(book.entries().len())).unwrap().id();
                    book = book.without(id).unwrap();
                }
            }
            book
        },
    )
}

/// Whether a target covers a request, read from its own words and without any index.
fn covers(target: &Target, query: &Query<'_>) -> bool {
    match target {
        Target::Everything => true,
        Target::Country(region) => query.recipient.region() == Some(*region),
        Target::Prefix(prefix) => prefix.covers(query.recipient),
        Target::Number(number) => *number == query.number,
        Target::Network(network) => query.client.expose_ip().is_some_and(|ip| network.contains(ip)),
        Target::User(user) => query.user == Some(*user),
        _ => unreachable!(),
    }
}

fn requester(control: &Control) -> bool {
    matches!(control.target(), Target::Network(_) | Target::User(_))
}

/// Width of what a target covers, in words of the documentation: smaller is narrower.
fn narrowness(control: &Control, calling_code: u8) -> u32 {
    match control.target() {
        Target::Number(_) | Target::User(_) => 0,
        Target::Prefix(prefix) if prefix.digit_count() > calling_code => {
            100 - u32::from(prefix.digit_count())
        }
        Target::Country(_) => 200,
        Target::Prefix(prefix) => 300 - u32::from(prefix.digit_count()),
        Target::Network(network) => 300 - u32::from(network.length()),
        _ => 1_000,
    }
}

/// The verdict by scanning every entry.
fn scan<'a>(book: &'a ControlBook, query: &Query<'_>) -> ListVerdict<'a> {
    let code = query.recipient.calling_code().value().to_string().len() as u8;
    let mut holding: Vec<&Control> = book
        .entries()
        .filter(|c| c.holds(query.now) && covers(c.target(), query))
        .filter(|c| c.purpose().is_none() || c.purpose() == Some(query.purpose))
        .collect();
    holding.sort_by_key(|c| {
        let newest = u64::MAX - c.id().0;
        (narrowness(c, code), c.purpose().is_none(), c.effect() != Effect::Block, newest)
    });
    let list = |c: &&&Control| matches!(c.effect(), Effect::Allow | Effect::Block);
    let recipient = holding.iter().filter(list).find(|c| !requester(c)).copied();
    let requester = holding.iter().filter(list).find(|c| requester(c)).copied();
    for entry in [recipient, requester].into_iter().flatten() {
        if entry.effect() == Effect::Block {
            return ListVerdict::Blocked(entry);
        }
    }
    let own = recipient.is_some_and(|c| matches!(c.target(), Target::Number(_)));
    let off = holding.iter().find(|c| c.effect() == Effect::CountryOff);
    match (off, recipient.or(requester)) {
        (Some(off), _) if !own => ListVerdict::Blocked(off),
        (_, Some(entry)) => ListVerdict::Allowed(entry),
        _ => ListVerdict::Silent,
    }
}

/// Whether an entry for this very number allows it: one for this purpose before one for all, and a
/// block before an allowance.
fn own_allowance(book: &ControlBook, query: &Query<'_>) -> bool {
    let own = book.entries().filter(|c| {
        let list = matches!(c.effect(), Effect::Allow | Effect::Block);
        list && *c.target() == Target::Number(query.number) && c.holds(query.now)
    });
    let (of_purpose, of_all): (Vec<&Control>, Vec<&Control>) = own
        .filter(|c| c.purpose().is_none_or(|only| only == query.purpose))
        .partition(|c| c.purpose().is_some());
    let first = if of_purpose.is_empty() { of_all } else { of_purpose };
    !first.is_empty() && first.iter().all(|c| c.effect() == Effect::Allow)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn lookup_equals_a_scan(
        book in book(),
        number in 0..NUMBERS.len(),
        client in prop::option::of(prop::sample::select(vec!["203.0.113.7", "203.0.113.201", "2001:db8::8", "::ffff:203.0.113.7"])),
        user in prop::option::of(0_u8..4),
        hours in 0_u64..7,
    ) {
        let recipient = Recipient::from_e164(NUMBERS[number]).unwrap();
        let query = Query {
            recipient: &recipient,
            number: pseudonym(number as u8),
            client: client.map_or(ClientIp::unknown(), |ip| ClientIp::from_peer(ip.parse().unwrap())),
            user: user.map(pseudonym),
            purpose: "sign-up",
            now: NOW + Duration::from_secs(3_600 * hours),
        };
        let ruling = book.decide(&query);
        prop_assert_eq!(ruling.verdict, scan(&book, &query));
        let switched = |wanted: fn(&Effect) -> bool| book.entries().any(|c| {
            wanted(&c.effect()) && c.holds(query.now) && covers(c.target(), &query)
                && c.purpose().is_none_or(|only| only == query.purpose)
        });
        prop_assert_eq!(ruling.sms_off.is_some(), switched(|e| *e == Effect::SmsOff));
        let surge = |c: &Control| matches!(c.effect(), Effect::ExpectSurge(_));
        let surges = book.entries().filter(|c| surge(c) && c.holds(query.now));
        let narrowest = surges.filter(|c| covers(c.target(), &query)).max_by_key(|c| {
            (matches!(c.target(), Target::Country(_)), c.id())
        });
        prop_assert_eq!(ruling.surge, narrowest);
        prop_assert_eq!(ruling.surge.is_some(), ruling.surge_factor().is_some());
        let only_known = switched(|e| *e == Effect::KnownNumbersOnly);
        let spared = own_allowance(&book, &query);
        prop_assert_eq!(ruling.known_numbers_only.is_some(), only_known && !spared);
        // What is over has no effect whether or not it was dropped.
        let dropped = book.expire(query.now);
        prop_assert_eq!(dropped.decide(&query), ruling);
    }

    #[test]
    fn a_book_survives_the_store(book in book()) {
        let bytes = book.encode();
        let back = ControlBook::decode(&bytes).unwrap();
        prop_assert_eq!(&back, &book);
        prop_assert_eq!(back.encode(), bytes);
    }

    #[test]
    fn altered_books_are_refused_or_are_books(book in book(), place in any::<prop::sample::Index>(), to in any::<u8>()) {
        let mut bytes = book.encode();
        let place = place.index(bytes.len());
        bytes[place] = to;
        if let Ok(back) = ControlBook::decode(&bytes) {
            prop_assert_eq!(back.encode(), bytes, "a book has one spelling");
        }
        let mut longer = book.encode();
        longer.push(0);
        prop_assert_eq!(ControlBook::decode(&longer), Err(BookError::Unreadable));
        prop_assert_eq!(ControlBook::decode(&longer[..place]), Err(BookError::Unreadable));
    }

    #[test]
    fn garbage_is_refused_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let versioned = [&[1][..], &bytes].concat();
        for bytes in [bytes, versioned] {
            if let Ok(book) = ControlBook::decode(&bytes) {
                prop_assert_eq!(book.encode(), bytes);
            }
        }
    }

    #[test]
    fn revisions_only_grow_and_numbers_are_never_used_twice(book in book(), hours in 0_u64..7) {
        let now = NOW + Duration::from_secs(3_600 * hours);
        let expired = book.expire(now);
        prop_assert!(expired.revision() >= book.revision());
        let (larger, id) = expired.with(draft(Target::Everything, Effect::SmsOff), now).unwrap();
        prop_assert!(larger.revision() > book.revision());
        prop_assert!(book.entry(id).is_none());
    }
}

fn draft(target: Target, effect: Effect) -> Draft {
    Draft::new(target, effect, Reason::new("test").unwrap(), Actor::new("ada").unwrap()).unwrap()
}

fn with(book: &ControlBook, target: Target, effect: Effect) -> ControlBook {
    book.with(draft(target, effect), NOW).unwrap().0
}

fn query(recipient: &Recipient) -> Query<'_> {
    Query {
        recipient,
        number: pseudonym(1),
        client: ClientIp::from_peer("203.0.113.7".parse().unwrap()),
        user: Some(pseudonym(2)),
        purpose: "sign-up",
        now: NOW,
    }
}

/// The detector has one factor for a country: neither the purpose nor the number may change it.
#[test]
fn a_surge_is_the_same_for_every_request_to_its_country() {
    let surge = Effect::ExpectSurge(SurgeFactor::new(3).unwrap());
    let until = NOW + Duration::from_secs(3_600);
    let entered = draft(Target::Country(Region::US), surge).until(until);
    let (book, id) = ControlBook::new().with(entered, NOW).unwrap();
    // The second has an area code that no region of +1 has; it counts for the United States.
    for number in ["+12015550123", "+12001234567"] {
        let recipient = Recipient::from_e164(number).unwrap();
        for purpose in ["sign-up", "log-in"] {
            let ruling = book.decide(&Query { purpose, ..query(&recipient) });
            assert_eq!(ruling.surge.map(Control::id), Some(id), "{number} {purpose}");
        }
    }
    let elsewhere = Recipient::from_e164("+18765550123").unwrap();
    assert_eq!(book.decide(&query(&elsewhere)).surge, None);

    // A line of Palestine's networks is there, whichever of its two calling codes is dialled.
    let entered = draft(Target::Country("PS".parse().unwrap()), surge).until(until);
    let (book, id) = ControlBook::new().with(entered, NOW).unwrap();
    for number in ["+970599123456", "+972599123456"] {
        let ruling = Recipient::from_e164(number).unwrap();
        let ruling = book.decide(&query(&ruling)).surge.map(Control::id);
        assert_eq!(ruling, Some(id), "{number}");
    }
}

#[test]
fn an_allowance_does_not_reach_across_and_lifts_no_switch_but_its_own() {
    let recipient = Recipient::from_e164("+4915112345678").unwrap();
    let query = query(&recipient);
    let farm: Network = "203.0.113.0/24".parse().unwrap();
    let book = with(&ControlBook::new(), Target::Number(pseudonym(1)), Effect::Allow);
    assert!(matches!(book.decide(&query).verdict, ListVerdict::Allowed(_)));
    let farmed = with(&book, Target::Network(farm), Effect::Block);
    assert!(matches!(farmed.decide(&query).verdict, ListVerdict::Blocked(_)));

    let off = with(&book, Target::Country(Region::DE), Effect::CountryOff);
    let off = with(&off, Target::Everything, Effect::KnownNumbersOnly);
    let off = with(&off, Target::Everything, Effect::SmsOff);
    let ruling = off.decide(&query);
    assert!(matches!(ruling.verdict, ListVerdict::Allowed(_)));
    assert!(ruling.known_numbers_only.is_none());
    assert!(ruling.sms_off.is_some(), "nothing is excepted when SMS is off");

    let prefix = Target::Prefix("+4915112".parse().unwrap());
    let off = with(&ControlBook::new(), Target::Country(Region::DE), Effect::CountryOff);
    let off = with(&off, prefix, Effect::Allow);
    assert!(
        matches!(off.decide(&query).verdict, ListVerdict::Blocked(by) if by.effect() == Effect::CountryOff)
    );
}

#[test]
fn brakes_follow_the_narrowest_entry_that_covers_the_whole_rung() {
    let recipient = Recipient::from_e164("+4915112345678").unwrap();
    let rungs: Vec<_> = recipient.ladder().collect();
    let book = with(&ControlBook::new(), Target::Country(Region::DE), Effect::ForbidAutomaticBlock);
    let lift = Target::Prefix("+4915112345".parse().unwrap());
    let book = with(&book, lift, Effect::LiftAutomaticBlock);
    let brakes: Vec<_> = rungs
        .iter()
        .map(|rung| match book.brake_on_range(rung, recipient.region(), "sign-up", NOW) {
            Brake::Lifted(_) => 'l',
            Brake::Forbidden(_) => 'f',
            _ => '-',
        })
        .collect();
    // +49 15112345678: country, then blocks with 7, 8, 9, 10 and 11 leading digits.
    assert_eq!(brakes, ['f', 'f', 'f', 'f', 'l', 'l']);
    let other = Recipient::from_e164("+447911123456").unwrap();
    let rung = other.ladder().last().unwrap();
    assert_eq!(book.brake_on_range(&rung, other.region(), "sign-up", NOW), Brake::AsDetected);
}

/// What a lift wholly covers it ends; what it covers in part would refuse in spite of it.
#[test]
fn a_lift_ends_the_extensions_in_it_and_is_refused_in_others() {
    let until = NOW + Duration::from_secs(60);
    let prefix = |digits: &str| Target::Prefix(digits.parse().unwrap());
    let network = |text: &str| Target::Network(text.parse().unwrap());
    let (gb, us) = (Target::Country(Region::GB), Target::Country(Region::US));
    for (extended, lifted, becomes) in [
        (prefix("+4420"), gb, "ended"),
        (gb, prefix("+4420"), "refused"),
        // Guernsey, Jersey and the Isle of Man have lines there too.
        (prefix("+447"), gb, "refused"),
        (gb, prefix("+447"), "refused"),
        (gb, prefix("+44"), "ended"),
        (us, prefix("+1"), "ended"),
        (us, prefix("+1876"), "kept"),
        (us, gb, "kept"),
        (network("203.0.113.0/24"), network("203.0.0.0/16"), "ended"),
        (network("203.0.0.0/16"), network("203.0.113.0/24"), "refused"),
        (network("203.0.113.0/24"), gb, "kept"),
        (network("203.0.113.0/24"), Target::Everything, "ended"),
        (Target::Everything, network("203.0.113.0/24"), "refused"),
    ] {
        let extend = draft(extended, Effect::ExtendAutomaticBlock).until(until);
        let (book, id) = ControlBook::new().with(extend, NOW).unwrap();
        let lift = |book: &ControlBook, now| {
            book.with(draft(lifted, Effect::LiftAutomaticBlock), now).map(|(book, _)| book)
        };
        let found = match lift(&book, NOW) {
            Ok(book) if book.entry(id).is_none() => "ended",
            Ok(_) => "kept",
            Err(error) => {
                assert_eq!(error, BookError::Extended { id });
                "refused"
            }
        };
        assert_eq!(found, becomes, "{extended:?}, {lifted:?}");
        assert!(lift(&book, until).is_ok(), "it is over");
    }
}

#[test]
fn brakes_on_networks_cover_what_lies_inside() {
    let until = NOW + Duration::from_secs(60);
    let net = Target::Network("203.0.113.0/24".parse().unwrap());
    let extend = draft(net, Effect::ExtendAutomaticBlock).until(until);
    let (book, _) = ControlBook::new().with(extend, NOW).unwrap();
    let client = ClientIp::from_peer("203.0.113.7".parse().unwrap());
    let brake = |prefix, now| book.brake_on_network(&prefix, "sign-up", now);
    assert!(
        matches!(brake(client.prefix(), NOW), Brake::Extended(by) if by.until() == Some(until))
    );
    assert!(matches!(brake(client.site(), NOW), Brake::Extended(_)));
    assert_eq!(brake(client.organisation(), NOW), Brake::AsDetected, "the /16 is wider");
    assert_eq!(brake(client.prefix(), until), Brake::AsDetected);
    assert_eq!(brake(ClientIp::unknown().prefix(), NOW), Brake::AsDetected);
}

#[test]
fn a_book_is_bounded_and_stays_quick() {
    let mut book = ControlBook::new();
    // Decoding builds the index once; adding one by one would build it ten thousand times.
    let one = with(&book, Target::Country(Region::DE), Effect::Block).encode();
    let entry = &one[13 + 8..];
    let mut bytes = vec![1];
    bytes.extend(10_000_u64.to_be_bytes());
    bytes.extend(10_000_u32.to_be_bytes());
    for id in 1..=10_000_u64 {
        bytes.extend(id.to_be_bytes());
        bytes.extend(entry);
    }
    book = ControlBook::decode(&bytes).unwrap_or(book);
    assert_eq!(book.entries().len(), ControlBook::MAX_ENTRIES);
    let more = book.with(draft(Target::Everything, Effect::SmsOff), NOW);
    assert_eq!(more.unwrap_err(), BookError::Full);
    let less = book.without(ControlId(5_000)).unwrap();
    assert_eq!(
        less.without(ControlId(5_000)),
        Err(BookError::NoSuchEntry { id: ControlId(5_000) })
    );
    let (full, id) = less.with(draft(Target::Everything, Effect::SmsOff), NOW).unwrap();
    assert_eq!((full.entries().len(), id), (10_000, ControlId(10_002)));

    let mut more = bytes;
    more[9..13].copy_from_slice(&10_001_u32.to_be_bytes());
    assert_eq!(ControlBook::decode(&more), Err(BookError::Unreadable));
}
