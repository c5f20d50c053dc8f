//! Each kind of line is off until it is switched on, and switching it on switches on no other.

use otpgate::access::{DestinationPolicy, DestinationRefusal};
use otpgate::{LineType, Money, Recipient, Region};

/// A number of each kind: British ones, but for a German one.
const LINES: [(LineType, &str); 8] = [
    (LineType::FixedLine, "+441212345678"),
    (LineType::TollFree, "+448001234567"),
    (LineType::PremiumRate, "+449012345678"),
    (LineType::SharedCost, "+4918012345"),
    (LineType::Voip, "+445612345678"),
    (LineType::PersonalNumber, "+447012345678"),
    (LineType::Pager, "+447640123456"),
    (LineType::Uan, "+445512345678"),
];

fn home() -> DestinationPolicy {
    DestinationPolicy::only([Region::GB, Region::DE])
}

fn decide(policy: &DestinationPolicy, number: &str) -> Result<(), DestinationRefusal> {
    policy.decide(&Recipient::from_e164(number).unwrap(), Some(Money::cents(5)))
}

/// The kinds that `policy` sends to.
fn open(policy: &DestinationPolicy) -> Vec<LineType> {
    let sent_to = |(line, number): &(LineType, &str)| match decide(policy, number) {
        Ok(()) => Some(*line),
        Err(refusal) => {
            assert_eq!(refusal, DestinationRefusal::Line { line: *line }, "{number}");
            None
        }
    };
    LINES.iter().filter_map(sent_to).collect()
}

#[test]
fn the_numbers_are_of_their_kind() {
    for (line, number) in LINES {
        let recipient = Recipient::from_e164(number).unwrap();
        assert_eq!((recipient.line_type(), recipient.is_valid()), (line, true), "{number}");
    }
}

#[test]
fn none_is_on_by_itself() {
    assert_eq!(open(&home()), []);
    assert_eq!(decide(&home(), "+447400123456"), Ok(()), "a mobile line");
}

#[test]
fn each_is_switched_on_alone() {
    for (line, _) in LINES {
        match home().also([line]) {
            Ok(policy) => assert_eq!(open(&policy), [line]),
            Err(_) => {
                assert!(matches!(line, LineType::PremiumRate | LineType::SharedCost), "{line:?}");
            }
        }
    }
}

#[test]
fn lines_whose_holders_are_paid_have_a_switch_of_their_own() {
    let policy = home().also_premium_danger();
    assert_eq!(open(&policy), [LineType::PremiumRate, LineType::SharedCost]);
    let with_fixed = policy.also([LineType::FixedLine]).unwrap();
    assert_eq!(
        open(&with_fixed),
        [LineType::FixedLine, LineType::PremiumRate, LineType::SharedCost]
    );
}

/// A landline in a country that is not in the policy stays out.
#[test]
fn a_kind_of_line_opens_no_country() {
    let policy = DestinationPolicy::only([Region::DE]).also([LineType::FixedLine]).unwrap();
    assert_eq!(decide(&policy, "+4930123456"), Ok(()));
    let elsewhere = Err(DestinationRefusal::Country { region: Region::GB });
    assert_eq!(decide(&policy, "+441212345678"), elsewhere);
}
