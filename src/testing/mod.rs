//! What tests of a host, a store or a transport need: a manual clock, faults, a model, suites.
