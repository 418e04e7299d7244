// SPDX-License-Identifier: Apache-2.0

package sample

import (
	"encoding/binary"

	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello"
)

const (
	extensionGroups = 10 // supported_groups, formerly elliptic_curves
	extensionTicket = 35 // session_ticket

	// shortestHello is the length of a hello with one cipher suite and an empty extension. In a
	// shorter one HAProxy finds nothing.
	shortestHello = 2 + 32 + 1 + 2 + 2 + 1 + 1 + 2 + 2
)

// helloFetches examine the ClientHello. They wait while it is incomplete, and have no value if the
// bytes are not a ClientHello.
var helloFetches = map[string]fetch{
	"req.ssl_hello_type": {
		aliases: []string{"req_ssl_hello_type"}, out: typeInt, needs: NeedsRequest,
		note:  "1 for a TLS ClientHello",
		build: withoutArgs(fromHello(func(*clienthello.Hello) result { return found(Integer(1)) })),
	},
	"req.ssl_sni": {
		aliases: []string{"req_ssl_sni"}, out: typeStr, needs: NeedsRequest,
		note:  "the server name as the client wrote it: neither in lower case nor without a trailing dot",
		build: withoutArgs(fromHello(serverName)),
	},
	"req.ssl_alpn": {
		out: typeStr, needs: NeedsRequest, alpn: true,
		note:  "the ALPN protocols: an ACL looks at each, anything else at the first",
		build: withoutArgs(fromHello(firstProtocol)),
	},
	"req.ssl_ver": {
		aliases: []string{"req_ssl_ver"}, out: typeInt, needs: NeedsRequest,
		note:  "the version in the fixed part of the ClientHello, 3.3 for TLS 1.2 and 1.3; ACLs write it as 3.1",
		build: withoutArgs(helloVersion),
	},
	"req.ssl_ec_ext": {
		out: typeBool, needs: NeedsRequest,
		note:  "true with a supported_groups extension, and nothing without one",
		build: withoutArgs(fromHello(hasGroups)),
	},
	"req.ssl_st_ext": {
		out: typeInt, needs: NeedsRequest,
		note:  "the session_ticket extension: 0 none, 1 empty, 2 with a ticket; nothing where the hello has no extensions at all",
		build: withoutArgs(fromHello(sessionTicket)),
	},
	"req.ssl_cipherlist": {
		out: typeBin, needs: NeedsRequest,
		note:  "the cipher suites, two bytes each, in the client's order and with GREASE",
		build: withoutArgs(fromHello(cipherSuites)),
	},
	"req.ssl_supported_groups": {
		out: typeBin, needs: NeedsRequest,
		note:  "the groups of the supported_groups extension, two bytes each",
		build: withoutArgs(fromHello(func(hello *clienthello.Hello) result { return uint16List(hello.Groups()) })),
	},
	"req.ssl_sigalgs": {
		out: typeBin, needs: NeedsRequest,
		note:  "the signature algorithms of the signature_algorithms extension, two bytes each",
		build: withoutArgs(fromHello(func(hello *clienthello.Hello) result { return uint16List(hello.SignatureAlgorithms()) })),
	},
	"req.ssl_keyshare_groups": {
		out: typeBin, needs: NeedsRequest,
		note:  "the groups that the client has sent a key share for, two bytes each",
		build: withoutArgs(fromHello(keyShareGroups)),
	},
}

// fromHello returns a fetch that examines the hello.
func fromHello(f func(hello *clienthello.Hello) result) fetchFunc {
	return func(in *Input) result {
		switch {
		case in.Hello == nil || in.Hello.Outcome() == clienthello.Pending:
			return pending
		case in.Hello.Outcome() != clienthello.Found:
			return noValue
		}
		return f(in.Hello.Hello())
	}
}

func serverName(hello *clienthello.Hello) result {
	name := hello.RawServerName()
	if name == nil {
		return noValue
	}
	return found(text(name))
}

func firstProtocol(hello *clienthello.Hello) result {
	for name := range hello.ALPN() {
		return found(text(name))
	}
	return noValue
}

func hasGroups(hello *clienthello.Hello) result {
	if _, present := hello.Extension(extensionGroups); present {
		return found(Boolean(true))
	}
	return noValue
}

// sessionTicket finds the state of the ticket. It has no value for a hello without any extension,
// as in HAProxy.
func sessionTicket(hello *clienthello.Hello) result {
	switch ticket, present := hello.Extension(extensionTicket); {
	case !hello.HasExtensions() || hello.Len() < shortestHello:
		return noValue
	case present && len(ticket) > 0:
		return found(Integer(2))
	case present:
		return found(Integer(1))
	default:
		return found(Integer(0))
	}
}

func cipherSuites(hello *clienthello.Hello) result {
	if hello.Len() < shortestHello {
		return noValue
	}
	return uint16List(hello.CipherSuites())
}

func keyShareGroups(hello *clienthello.Hello) result {
	var groups []byte
	for group := range hello.KeyShares() {
		groups = binary.BigEndian.AppendUint16(groups, group)
	}
	if groups == nil {
		return noValue
	}
	return found(Binary(groups))
}

// uint16List returns a list in its encoding in the hello.
func uint16List(list clienthello.Uint16s) result {
	if list.Len() == 0 {
		return noValue
	}
	return found(Binary(list.Bytes()))
}

var legacyVersion = fromHello(func(hello *clienthello.Hello) result { return found(packVersion(hello.LegacyVersion())) })

// helloVersion finds the version of a hello, including hellos in SSLv2 format, whose sender may
// support TLS.
func helloVersion(in *Input) result {
	if in.Hello != nil && in.Hello.Outcome() == clienthello.SSLv2 {
		return versionSSLv2(in.Hello.Bytes())
	}
	return legacyVersion(in)
}

// packVersion packs a version into a number with 16 bits on either side of the dot.
func packVersion(version uint16) Value {
	return Integer(int64(version>>8)<<16 | int64(version&0xff))
}

// versionSSLv2 parses a hello with a two-byte header (RFC 5246, appendix E.2). The lengths in it
// must be consistent, since nothing else distinguishes it from other protocols.
func versionSSLv2(b []byte) result {
	const header, fixed = 2, 9
	if len(b) < header+fixed {
		return pending
	}
	ciphers, session, challenge := uint16At(b, 5), uint16At(b, 7), uint16At(b, 9)
	length := uint16At(b, 0) & 0x7fff
	switch {
	case ciphers%3 != 0, session != 0 && session != 16, challenge < 16 || challenge > 32,
		length != fixed+ciphers+session+challenge:
		return noValue
	case len(b) < header+length:
		return pending
	}
	return found(packVersion(uint16(uint16At(b, 3))))
}

func uint16At(b []byte, position int) int {
	return int(b[position])<<8 | int(b[position+1])
}
