//! The texts that come with the crate.
//!
//! Each says whose code it is and to keep it to oneself. Each is GSM-7 throughout and fits one segment
//! with the longest brand, and the longest amount and payee where it has them. Words were chosen so
//! that the language can be written correctly without the letters GSM-7 lacks: Spanish `clave` for
//! `código`, Portuguese `nunca` for `não`, Polish `wygasa` for `ważny`, Turkish `kimseye vermeyin` for
//! `paylaşmayın`.

/// Language, plain template, template for payments.
pub(super) const TEXTS: [(&str, &str, &str); 10] = [
    (
        "en",
        "{code} is your {brand} code, valid for {minutes} min. Never share it with anyone.",
        "{code} is your {brand} code to pay {amount} to {payee}. Never share it.",
    ),
    (
        "de",
        "{code} ist Ihr {brand}-Code, gültig {minutes} Min. Geben Sie ihn niemals weiter.",
        "{brand}-Code {code} für {amount} an {payee}. Geben Sie ihn nie weiter.",
    ),
    (
        "fr",
        "{code} est votre code {brand}, valable {minutes} min. Ne le communiquez à personne.",
        "{code}: code {brand} pour payer {amount} à {payee}. Ne le communiquez à personne.",
    ),
    (
        "es",
        "{code} es su clave de {brand}. Vence en {minutes} min. No la comparta con nadie.",
        "{code}: clave de {brand} para pagar {amount} a {payee}. No la comparta con nadie.",
    ),
    (
        "pt",
        "{brand}: use {code} para se identificar. Expira em {minutes} min. Nunca o revele a ninguém.",
        "{brand}: use {code} para pagar {amount} a {payee}. Nunca o revele a ninguém.",
    ),
    (
        "it",
        "{code} è il codice {brand}, valido {minutes} min. Non comunicarlo a nessuno.",
        "{code}: codice {brand} per pagare {amount} a {payee}. Non comunicarlo a nessuno.",
    ),
    (
        "nl",
        "{code} is uw {brand}-code, {minutes} min geldig. Deel deze code met niemand.",
        "{code}: {brand}-code om {amount} te betalen aan {payee}. Deel hem met niemand.",
    ),
    (
        "pl",
        "Kod {brand}: {code}. Wygasa za {minutes} min. Nikomu go nie podawaj.",
        "Kod {brand}: {code}. Kwota {amount}, odbiorca {payee}. Nikomu go nie podawaj.",
    ),
    (
        "tr",
        "{brand} kodunuz: {code}. Süresi {minutes} dk. Kimseye vermeyin.",
        "{brand} ödeme kodunuz: {code}. Tutar: {amount}. Kime: {payee}. Kimseye vermeyin.",
    ),
    (
        "id",
        "{code} adalah kode {brand} Anda, berlaku {minutes} menit. Jangan berikan kepada siapa pun.",
        "{code}: kode {brand} untuk bayar {amount} ke {payee}. Jangan berikan ke siapa pun.",
    ),
];
