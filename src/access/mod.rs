//! Who may ask for a message, and where one may go.
