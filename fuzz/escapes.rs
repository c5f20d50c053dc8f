//! Marks in an input that stand for what a fuzzer cannot guess: `%` and a letter.

/// `input` with what `piece` says in place of each mark that it knows.
pub fn written_out<'a>(input: &[u8], piece: impl Fn(u8) -> Option<&'a str>) -> Vec<u8> {
    let mut text = Vec::with_capacity(input.len());
    let mut rest = input;
    while let Some((byte, after)) = rest.split_first() {
        let marked = after.first().filter(|_| *byte == b'%').and_then(|letter| piece(*letter));
        match marked {
            Some(piece) => {
                text.extend_from_slice(piece.as_bytes());
                rest = &after[1..];
            }
            None => {
                text.push(*byte);
                rest = after;
            }
        }
    }
    text
}
