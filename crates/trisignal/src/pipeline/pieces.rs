//! A body in several pieces of memory: what is encoded in pieces is sent, joined and compressed without putting them into one.

use std::io::IoSlice;
use std::sync::Arc;

use bytes::{Buf, Bytes};

/// Bytes that follow each other, in pieces. Clones share them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pieces {
    /// None of them empty.
    all: Arc<[Bytes]>,
    length: usize,
}

impl From<Bytes> for Pieces {
    fn from(bytes: Bytes) -> Self {
        std::iter::once(bytes).collect()
    }
}

impl From<Vec<u8>> for Pieces {
    fn from(bytes: Vec<u8>) -> Self {
        Bytes::from(bytes).into()
    }
}

impl FromIterator<Bytes> for Pieces {
    fn from_iter<I: IntoIterator<Item = Bytes>>(pieces: I) -> Self {
        let all: Arc<[Bytes]> = pieces
            .into_iter()
            .filter(|piece| !piece.is_empty())
            .collect();
        Self {
            length: all.iter().map(Bytes::len).sum(),
            all,
        }
    }
}

impl Pieces {
    pub(crate) fn len(&self) -> usize {
        self.length
    }

    pub(crate) fn iter(&self) -> std::slice::Iter<'_, Bytes> {
        self.all.iter()
    }

    /// All of it in one piece, which is copied where it is not.
    pub(crate) fn to_bytes(&self) -> Bytes {
        match &*self.all {
            [] => Bytes::new(),
            [only] => only.clone(),
            _ => self.reader().copy_to_bytes(self.length),
        }
    }

    /// Reads it from its beginning.
    pub(crate) fn reader(&self) -> Reader {
        Reader {
            pieces: self.clone(),
            at: 0,
            offset: 0,
        }
    }
}

/// A place in [`Pieces`].
#[derive(Clone, Debug)]
pub(crate) struct Reader {
    /// Its length is what is left.
    pieces: Pieces,
    at: usize,
    /// Within the piece.
    offset: usize,
}

impl Buf for Reader {
    fn remaining(&self) -> usize {
        self.pieces.length
    }

    fn chunk(&self) -> &[u8] {
        let piece = self.pieces.all.get(self.at);
        piece.map_or(&[], |piece| &piece[self.offset..])
    }

    fn chunks_vectored<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        let pieces = self.pieces.all.iter().skip(self.at);
        let mut offset = self.offset;
        let mut count = 0;
        for (slice, piece) in slices.iter_mut().zip(pieces) {
            *slice = IoSlice::new(&piece[std::mem::take(&mut offset)..]);
            count += 1;
        }
        count
    }

    fn advance(&mut self, mut count: usize) {
        assert!(count <= self.pieces.length, "advance beyond the end");
        self.pieces.length -= count;
        while count > 0 {
            let left = self.chunk().len();
            if count < left {
                self.offset += count;
                return;
            }
            count -= left;
            self.at += 1;
            self.offset = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces() -> Pieces {
        ["one", "", "two", "three", ""]
            .into_iter()
            .map(|piece| Bytes::from_static(piece.as_bytes()))
            .collect()
    }

    #[test]
    fn steps_of_any_length_read_all_of_it() {
        assert_eq!(pieces().len(), 11);
        assert_eq!(pieces().to_bytes(), "onetwothree");
        for step in 1..12 {
            let mut reader = pieces().reader();
            let mut read = Vec::new();
            while reader.has_remaining() {
                let count = step.min(reader.remaining());
                let mut slices = [IoSlice::new(&[]); 8];
                let filled = reader.chunks_vectored(&mut slices);
                let seen: Vec<u8> = slices[..filled]
                    .iter()
                    .flat_map(|slice| slice.to_vec())
                    .collect();
                assert_eq!(seen.len(), reader.remaining());
                read.extend_from_slice(&seen[..count]);
                reader.advance(count);
            }
            assert_eq!(read, b"onetwothree", "step {step}");
            assert_eq!(reader.chunk(), b"");
        }
    }

    #[test]
    fn nothing_is_no_piece() {
        let nothing = Pieces::from(Bytes::new());
        assert_eq!((nothing.len(), nothing.iter().count()), (0, 0));
        assert!(nothing.to_bytes().is_empty());
        assert!(!nothing.reader().has_remaining());
    }
}
