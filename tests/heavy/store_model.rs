//! Random histories on a store and on the reference model, shrunk to the shortest that differs.

use std::marker::PhantomData;
use std::time::Duration;

use otpgate::Store;
use otpgate::testing::store::{Script, Step, equivalence};
use otpgate::testing::{ModelStore, Rewind, block_on};
use proptest::prelude::*;
use proptest::strategy::{BoxedStrategy, Just};
use proptest::test_runner::Config;
use proptest_state_machine::{ReferenceStateMachine, StateMachineTest, prop_state_machine};

/// The model plays along inside [`Script`], so the reference here only draws the steps.
struct History;

impl ReferenceStateMachine for History {
    type State = ();
    type Transition = Step;

    fn init_state() -> BoxedStrategy<()> {
        Just(()).boxed()
    }

    fn transitions((): &()) -> BoxedStrategy<Step> {
        // A number stands for a step as a whole: it shrinks by being left out, not by being less.
        any::<u64>().no_shrink().prop_map(Step::from_seed).boxed()
    }

    fn apply((): (), _: &Step) {}
}

struct On<S>(PhantomData<S>);

impl<S: Store + Default> StateMachineTest for On<S> {
    type SystemUnderTest = Script;
    type Reference = History;

    fn init_test((): &()) -> Script {
        Script::new(S::default()).unwrap()
    }

    fn apply(mut script: Script, (): &(), step: Step) -> Script {
        if let Err(finding) = block_on(script.play(&step)) {
            panic!("{finding}");
        }
        script
    }
}

fn config() -> Config {
    Config { cases: 64, max_shrink_iters: 20_000, ..Config::default() }
}

prop_state_machine! {
    #![proptest_config(config())]

    #[test]
    fn the_model_agrees_with_itself(sequential 1..100 => On<ModelStore>);
}

mod memory {
    use otpgate::store::MemoryStore;

    use super::*;

    prop_state_machine! {
        #![proptest_config(config())]

        #[test]
        fn the_memory_store_agrees_with_the_model(sequential 1..300 => On<MemoryStore>);
    }
}

#[test]
fn a_store_that_is_told_another_time_does_not_agree() {
    let late = Duration::from_secs(30);
    let make = || async { Rewind::new(ModelStore::new(), late, 20, 7) };
    let failed = (0..5)
        .filter(|seed| block_on(equivalence(make, *seed, 300)).failed("equivalent_to_the_model"));
    assert_eq!(failed.count(), 5);
}
