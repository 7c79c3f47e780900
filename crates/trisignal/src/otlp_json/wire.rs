//! The wire format of protobuf: fields with their numbers.

/// Bytes that are no protobuf, or none of the message that they should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Malformed;

/// The value of one field, as it is on the wire.
#[derive(Clone, Copy, Debug)]
pub(super) enum Value<'a> {
    Varint(u64),
    Fixed32(u32),
    Fixed64(u64),
    /// Text, bytes, a message or packed numbers.
    Bytes(&'a [u8]),
}

/// The fields of a message, in the order of the wire.
pub(super) fn fields(mut body: &[u8]) -> Result<Vec<(u32, Value<'_>)>, Malformed> {
    let mut fields = Vec::new();
    while !body.is_empty() {
        let key = varint(&mut body)?;
        let number = u32::try_from(key >> 3).map_err(|_| Malformed)?;
        let value = match key & 7 {
            0 => Value::Varint(varint(&mut body)?),
            1 => fixed(take(&mut body, 8)?)?,
            2 => {
                let length = usize::try_from(varint(&mut body)?).map_err(|_| Malformed)?;
                Value::Bytes(take(&mut body, length)?)
            }
            5 => fixed(take(&mut body, 4)?)?,
            // Groups are long gone.
            _ => return Err(Malformed),
        };
        fields.push((number, value));
    }
    Ok(fields)
}

/// The number in four or eight bytes.
pub(super) fn fixed(bytes: &[u8]) -> Result<Value<'static>, Malformed> {
    if let Ok(bytes) = bytes.try_into() {
        Ok(Value::Fixed64(u64::from_le_bytes(bytes)))
    } else if let Ok(bytes) = bytes.try_into() {
        Ok(Value::Fixed32(u32::from_le_bytes(bytes)))
    } else {
        Err(Malformed)
    }
}

pub(super) fn varint(body: &mut &[u8]) -> Result<u64, Malformed> {
    let mut value = 0;
    for shift in (0..70).step_by(7) {
        let (byte, rest) = body.split_first().ok_or(Malformed)?;
        *body = rest;
        value |= u64::from(byte & 0x7f).checked_shl(shift).unwrap_or(0);
        if byte & 0x80 == 0 {
            return Ok(value);
        }
    }
    Err(Malformed)
}

fn take<'a>(body: &mut &'a [u8], length: usize) -> Result<&'a [u8], Malformed> {
    let (taken, rest) = body.split_at_checked(length).ok_or(Malformed)?;
    *body = rest;
    Ok(taken)
}
