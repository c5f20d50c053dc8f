//! [`case_type!`]: the type that the cases of a published suite have.

macro_rules! case_type {
    ($stage:ty, $fault:ty) => {
        /// One case: a sentence of the contract and the check that holds an implementation to it.
        pub struct Case {
            name: &'static str,
            clause: &'static str,
            run: fn($stage) -> $crate::testing::BoxFuture<'static, Result<(), $fault>>,
        }

        impl Case {
            /// Its name, unique in the suite.
            pub fn name(&self) -> &'static str {
                self.name
            }

            /// The sentence of the contract that it checks.
            pub fn clause(&self) -> &'static str {
                self.clause
            }
        }

        impl std::fmt::Debug for Case {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.debug_struct("Case")
                    .field("name", &self.name)
                    .field("clause", &self.clause)
                    .finish()
            }
        }
    };
}

pub(super) use case_type;
