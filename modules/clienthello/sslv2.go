// SPDX-License-Identifier: Apache-2.0

package clienthello

const (
	sslv2LengthFlag = 0x80 // a record header of two bytes: 15 bits of length, no padding
	sslv2MinHello   = 9    // type, version and three lengths
)

// readSSLv2Length checks the length. It and the steps after it recognize the hello of RFC 5246,
// appendix E.2: a length, the message type 1 and the version, which is 0x0002 for SSLv2 or 0x03xx
// for a client that supports TLS. The first byte alone says little, so each further one must fit.
func (i *Inspection) readSSLv2Length() {
	b := i.received.bytes()
	if b[0] == sslv2LengthFlag && b[1] < sslv2MinHello {
		i.refuse(NotTLS, errNotSSLv2)
		return
	}
	i.await((*Inspection).readSSLv2Type, 3)
}

func (i *Inspection) readSSLv2Type() {
	if i.received.array[2] != typeClientHello {
		i.refuse(NotTLS, errNotSSLv2)
		return
	}
	i.await((*Inspection).readSSLv2Major, 4)
}

func (i *Inspection) readSSLv2Major() {
	switch i.received.array[3] {
	case 3:
		i.refuse(SSLv2, ErrSSLv2)
	case 0:
		i.await((*Inspection).readSSLv2Minor, 5)
	default:
		i.refuse(NotTLS, errNotSSLv2)
	}
}

func (i *Inspection) readSSLv2Minor() {
	if i.received.array[4] != 2 {
		i.refuse(NotTLS, errNotSSLv2)
		return
	}
	i.refuse(SSLv2, ErrSSLv2)
}
