//! What the hosted pages say, in each language.

use super::PageLanguage;

/// The texts of the two pages. `{}` is the place of a number, a time or a count.
#[derive(Debug)]
pub(super) struct Words {
    pub(super) form_title: &'static str,
    pub(super) form_intro: &'static str,
    pub(super) number: &'static str,
    pub(super) number_hint: &'static str,
    pub(super) send: &'static str,
    pub(super) cancel: &'static str,
    pub(super) working: &'static str,
    pub(super) code_title: &'static str,
    /// With the hint of the number.
    pub(super) code_intro: &'static str,
    pub(super) code: &'static str,
    /// With their count, as the next.
    pub(super) digits: &'static str,
    pub(super) letters: &'static str,
    pub(super) confirm: &'static str,
    pub(super) resend: &'static str,
    pub(super) voice: &'static str,
    pub(super) whatsapp: &'static str,
    pub(super) email: &'static str,
    pub(super) change: &'static str,
    /// Where the page can do nothing more.
    pub(super) again: &'static str,
    /// Shown while [`may_be_withheld`](crate::Issued::may_be_withheld).
    pub(super) withheld: &'static str,
    pub(super) noscript: &'static str,
    pub(super) late: &'static str,
    /// What the module says, by the kind of problem. The same keys in every language.
    pub(super) said: [(&'static str, &'static str); 21],
}

impl Words {
    pub(super) fn of(language: PageLanguage) -> &'static Self {
        match language {
            PageLanguage::English => &ENGLISH,
            PageLanguage::German => &GERMAN,
            PageLanguage::French => &FRENCH,
            PageLanguage::Spanish => &SPANISH,
        }
    }

    /// The module's words as JSON, for the attribute `data-strings`.
    pub(super) fn strings(&self) -> String {
        let working = ("working", self.working);
        let words = self.said.into_iter().chain([working]);
        let words: serde_json::Map<_, _> =
            words.map(|(kind, text)| (kind.to_owned(), text.into())).collect();
        serde_json::Value::Object(words).to_string()
    }
}

static ENGLISH: Words = Words {
    form_title: "Confirm your number",
    form_intro: "We send a code to your phone by text message.",
    number: "Mobile number",
    number_hint: "Begin with + and the country code if the number is from abroad.",
    send: "Send the code",
    cancel: "Cancel",
    working: "One moment …",
    code_title: "Enter the code",
    code_intro: "We have sent a code to {}.",
    code: "Code",
    digits: "{} digits. It can take a minute to arrive.",
    letters: "{} letters. It can take a minute to arrive.",
    confirm: "Confirm",
    resend: "Send it again",
    voice: "Call me instead",
    whatsapp: "Send it by WhatsApp",
    email: "Send it by e-mail",
    change: "Change the number",
    again: "Start again",
    withheld: "At the moment some texts do not go out. If no code comes, please try again later, or ask us for another \
               way.",
    noscript: "This page needs JavaScript: it checks that you are not a bot before a text is sent. Please switch \
               JavaScript on and reload the page.",
    late: "The page did not load completely. Please reload it, or allow JavaScript for this site.",
    said: [
        ("sent", "A code is on its way to {}."),
        ("sent-email", "A code is on its way by e-mail."),
        ("empty", "Please fill in this field."),
        ("bad-number", "This does not look like a phone number. Please check it."),
        ("other-number", "We cannot send codes to this number. Please use another one."),
        ("other-method", "There are no codes by text message at the moment."),
        ("try-later", "Please wait a while, then try again."),
        ("wait", "Please wait. You can try again in {}."),
        ("again", "You can ask for another code here in {}. It may be sooner if you start again."),
        ("reload-page", "Please reload the page and try again."),
        ("start-over", "This is over. Please start again."),
        ("closed", "This is over. Please start again."),
        (
            "unheard",
            "The connection broke off, and your code may have been accepted. Please see whether it was \
             before you start again.",
        ),
        ("rejected", "The code is wrong or too old. You have {} attempts left."),
        ("rejected-1", "The code is wrong or too old. You have one attempt left."),
        (
            "rejected-0",
            "The code is wrong or too old. You have no attempt left. Please start again.",
        ),
        ("expired", "The code has expired. Please ask for a new one."),
        ("human", "Please show that you are not a robot."),
        ("cancelled", "Cancelled. Nothing was sent."),
        ("offline", "There is no connection. Please check it and try again."),
        ("outage", "Something went wrong on our side. Please try again in a moment."),
    ],
};

static GERMAN: Words = Words {
    form_title: "Nummer bestätigen",
    form_intro: "Wir senden Ihnen einen Code per SMS.",
    number: "Mobilnummer",
    number_hint: "Beginnen Sie mit + und der Ländervorwahl, wenn die Nummer aus dem Ausland ist.",
    send: "Code senden",
    cancel: "Abbrechen",
    working: "Einen Moment …",
    code_title: "Code eingeben",
    code_intro: "Wir haben einen Code an {} gesendet.",
    code: "Code",
    digits: "{} Ziffern. Es kann eine Minute dauern, bis er da ist.",
    letters: "{} Buchstaben. Es kann eine Minute dauern, bis er da ist.",
    confirm: "Bestätigen",
    resend: "Erneut senden",
    voice: "Lieber anrufen lassen",
    whatsapp: "Per WhatsApp senden",
    email: "Per E-Mail senden",
    change: "Nummer ändern",
    again: "Von vorn beginnen",
    withheld: "Zurzeit gehen manche SMS nicht hinaus. Wenn kein Code kommt, versuchen Sie es bitte später noch einmal \
               oder fragen Sie uns nach einem anderen Weg.",
    noscript: "Diese Seite braucht JavaScript: Sie prüft, dass Sie kein Bot sind, bevor eine SMS gesendet wird. Bitte \
               schalten Sie JavaScript ein und laden Sie die Seite neu.",
    late: "Die Seite wurde nicht ganz geladen. Bitte laden Sie sie neu oder erlauben Sie JavaScript für diese Seite.",
    said: [
        ("sent", "Ein Code ist unterwegs an {}."),
        ("sent-email", "Ein Code ist per E-Mail unterwegs."),
        ("empty", "Bitte füllen Sie dieses Feld aus."),
        ("bad-number", "Das sieht nicht nach einer Telefonnummer aus. Bitte prüfen Sie sie."),
        (
            "other-number",
            "An diese Nummer können wir keine Codes senden. Bitte nehmen Sie eine andere.",
        ),
        ("other-method", "Zurzeit gibt es keine Codes per SMS."),
        ("try-later", "Bitte warten Sie eine Weile und versuchen Sie es dann erneut."),
        ("wait", "Bitte warten Sie noch {}. Dann können Sie es erneut versuchen."),
        (
            "again",
            "Einen weiteren Code gibt es hier nach dieser Wartezeit: {}. Vielleicht geht es schneller, \
             wenn Sie von vorn beginnen.",
        ),
        ("reload-page", "Bitte laden Sie die Seite neu und versuchen Sie es noch einmal."),
        ("start-over", "Dieser Vorgang ist beendet. Bitte beginnen Sie von vorn."),
        ("closed", "Dieser Vorgang ist beendet. Bitte beginnen Sie von vorn."),
        (
            "unheard",
            "Die Verbindung war unterbrochen, und vielleicht wurde Ihr Code angenommen. Bitte sehen Sie \
             nach, bevor Sie von vorn beginnen.",
        ),
        ("rejected", "Der Code ist falsch oder zu alt. Sie haben noch {} Versuche."),
        ("rejected-1", "Der Code ist falsch oder zu alt. Sie haben noch einen Versuch."),
        (
            "rejected-0",
            "Der Code ist falsch oder zu alt. Sie haben keinen Versuch mehr. Bitte beginnen Sie von \
             vorn.",
        ),
        ("expired", "Der Code ist abgelaufen. Bitte fordern Sie einen neuen an."),
        ("human", "Bitte zeigen Sie, dass Sie kein Roboter sind."),
        ("cancelled", "Abgebrochen. Es wurde nichts gesendet."),
        ("offline", "Keine Verbindung. Bitte prüfen Sie sie und versuchen Sie es erneut."),
        ("outage", "Bei uns ist etwas schiefgegangen. Bitte versuchen Sie es gleich noch einmal."),
    ],
};

static FRENCH: Words = Words {
    form_title: "Confirmez votre numéro",
    form_intro: "Nous vous envoyons un code par SMS.",
    number: "Numéro de mobile",
    number_hint: "Commencez par + et l’indicatif du pays si le numéro est étranger.",
    send: "Envoyer le code",
    cancel: "Annuler",
    working: "Un instant…",
    code_title: "Saisissez le code",
    code_intro: "Nous avons envoyé un code au {}.",
    code: "Code",
    digits: "{} chiffres. Il peut mettre une minute à arriver.",
    letters: "{} lettres. Il peut mettre une minute à arriver.",
    confirm: "Confirmer",
    resend: "Renvoyer le code",
    voice: "M’appeler plutôt",
    whatsapp: "Envoyer par WhatsApp",
    email: "Envoyer par e-mail",
    change: "Changer de numéro",
    again: "Recommencer",
    withheld: "En ce moment, certains SMS ne partent pas. Si aucun code n’arrive, veuillez réessayer plus tard ou nous \
               demander une autre solution.",
    noscript: "Cette page a besoin de JavaScript : elle vérifie que vous n’êtes pas un robot avant l’envoi d’un SMS. \
               Veuillez activer JavaScript et recharger la page.",
    late: "La page ne s’est pas chargée entièrement. Rechargez-la ou autorisez JavaScript pour ce site.",
    said: [
        ("sent", "Un code est en route vers le {}."),
        ("sent-email", "Un code est en route par e-mail."),
        ("empty", "Veuillez remplir ce champ."),
        ("bad-number", "Cela ne ressemble pas à un numéro de téléphone. Veuillez le vérifier."),
        (
            "other-number",
            "Nous ne pouvons pas envoyer de code à ce numéro. Veuillez en utiliser un autre.",
        ),
        ("other-method", "L’envoi de codes par SMS est suspendu pour le moment."),
        ("try-later", "Veuillez patienter un moment, puis réessayer."),
        ("wait", "Veuillez patienter. Vous pourrez réessayer dans {}."),
        (
            "again",
            "Vous pourrez demander un autre code ici dans {}. Ce sera peut-être plus rapide en \
             recommençant.",
        ),
        ("reload-page", "Veuillez recharger la page et réessayer."),
        ("start-over", "Cette opération est terminée. Veuillez recommencer."),
        ("closed", "Cette opération est terminée. Veuillez recommencer."),
        (
            "unheard",
            "La connexion a été coupée et votre code a peut-être été accepté. Veuillez le vérifier avant \
             de recommencer.",
        ),
        ("rejected", "Le code est faux ou trop ancien. Il vous reste {} essais."),
        ("rejected-1", "Le code est faux ou trop ancien. Il vous reste un essai."),
        (
            "rejected-0",
            "Le code est faux ou trop ancien. Il ne vous reste aucun essai. Veuillez recommencer.",
        ),
        ("expired", "Le code a expiré. Veuillez en demander un nouveau."),
        ("human", "Veuillez montrer que vous n’êtes pas un robot."),
        ("cancelled", "Annulé. Rien n’a été envoyé."),
        ("offline", "Pas de connexion. Vérifiez-la et réessayez."),
        ("outage", "Une erreur s’est produite chez nous. Veuillez réessayer dans un instant."),
    ],
};

static SPANISH: Words = Words {
    form_title: "Confirme su número",
    form_intro: "Le enviamos un código por SMS.",
    number: "Número de móvil",
    number_hint: "Empiece por + y el prefijo del país si el número es extranjero.",
    send: "Enviar el código",
    cancel: "Cancelar",
    working: "Un momento…",
    code_title: "Introduzca el código",
    code_intro: "Hemos enviado un código al {}.",
    code: "Código",
    digits: "{} cifras. Puede tardar un minuto en llegar.",
    letters: "{} letras. Puede tardar un minuto en llegar.",
    confirm: "Confirmar",
    resend: "Enviar de nuevo",
    voice: "Prefiero una llamada",
    whatsapp: "Enviar por WhatsApp",
    email: "Enviar por correo",
    change: "Cambiar el número",
    again: "Empezar de nuevo",
    withheld: "En este momento algunos SMS no salen. Si no le llega ningún código, inténtelo más tarde o pídanos otra \
               vía.",
    noscript: "Esta página necesita JavaScript: comprueba que usted no es un bot antes de enviar un SMS. Active \
               JavaScript y vuelva a cargar la página.",
    late: "La página no se ha cargado del todo. Vuelva a cargarla o permita JavaScript en este sitio.",
    said: [
        ("sent", "Un código va en camino al {}."),
        ("sent-email", "Un código va en camino por correo."),
        ("empty", "Rellene este campo."),
        ("bad-number", "Esto no parece un número de teléfono. Compruébelo."),
        ("other-number", "No podemos enviar códigos a este número. Utilice otro."),
        ("other-method", "En este momento no se envían códigos por SMS."),
        ("try-later", "Espere un rato y vuelva a intentarlo."),
        ("wait", "Espere, por favor. Podrá intentarlo de nuevo en {}."),
        ("again", "Aquí podrá pedir otro código en {}. Quizá sea más rápido si empieza de nuevo."),
        ("reload-page", "Vuelva a cargar la página e inténtelo de nuevo."),
        ("start-over", "Esta operación ha terminado. Empiece de nuevo."),
        ("closed", "Esta operación ha terminado. Empiece de nuevo."),
        (
            "unheard",
            "Se cortó la conexión y quizá su código se haya aceptado. Compruébelo antes de empezar de \
             nuevo.",
        ),
        ("rejected", "El código es erróneo o demasiado antiguo. Le quedan {} intentos."),
        ("rejected-1", "El código es erróneo o demasiado antiguo. Le queda un intento."),
        (
            "rejected-0",
            "El código es erróneo o demasiado antiguo. No le quedan intentos. Empiece de nuevo.",
        ),
        ("expired", "El código ha caducado. Pida uno nuevo."),
        ("human", "Demuestre que no es un robot."),
        ("cancelled", "Cancelado. No se ha enviado nada."),
        ("offline", "No hay conexión. Compruébela y vuelva a intentarlo."),
        ("outage", "Algo ha fallado por nuestra parte. Inténtelo de nuevo en un momento."),
    ],
};
