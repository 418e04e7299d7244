// SPDX-License-Identifier: Apache-2.0

package sample

import "github.com/caddy-passthrough/caddy-passthrough/modules/clienthello"

const (
	extensionGroups = 10 // supported_groups, once elliptic_curves
	extensionTicket = 35 // session_ticket
)

// helloFetches look at the ClientHello. As long as that is not whole they wait, and of what is not one they yield
// nothing.
var helloFetches = map[string]fetch{
	"req.ssl_hello_type": {
		aliases: []string{"req_ssl_hello_type"}, out: typeInt, request: true,
		note:  "1 for a TLS ClientHello",
		build: plain(ofHello(func(*clienthello.Hello) sampled { return found(Number(1)) })),
	},
	"req.ssl_sni": {
		aliases: []string{"req_ssl_sni"}, out: typeStr, request: true,
		note:  "the server name as the client wrote it: neither in lower case nor without a trailing dot",
		build: plain(ofHello(serverName)),
	},
	"req.ssl_alpn": {
		out: typeStr, request: true, protocols: true,
		note:  "the ALPN protocols: an ACL looks at each, anything else at the first",
		build: plain(ofHello(firstProtocol)),
	},
	"req.ssl_ver": {
		aliases: []string{"req_ssl_ver"}, out: typeInt, request: true,
		note:  "the version in the fixed part of the ClientHello, 3.3 for TLS 1.2 and 1.3; ACLs write it as 3.1",
		build: plain(version),
	},
	"req.ssl_ec_ext": {
		out: typeBool, request: true,
		note:  "true with a supported_groups extension, and nothing without one",
		build: plain(ofHello(curves)),
	},
	"req.ssl_st_ext": {
		out: typeInt, request: true,
		note:  "the session_ticket extension: 0 none, 1 empty, 2 with a ticket",
		build: plain(sessionTicket),
	},
}

// ofHello makes a fetch of a function of the hello.
func ofHello(f func(hello *clienthello.Hello) sampled) fetchFunc {
	return func(in *Input) sampled {
		switch {
		case in.Hello == nil || in.Hello.Outcome() == clienthello.Pending:
			return notYet
		case in.Hello.Outcome() != clienthello.Found:
			return nothing
		}
		return f(in.Hello.Hello())
	}
}

func serverName(hello *clienthello.Hello) sampled {
	name := hello.RawServerName()
	if name == nil {
		return nothing
	}
	return found(text(name))
}

func firstProtocol(hello *clienthello.Hello) sampled {
	for name := range hello.ALPN() {
		return found(text(name))
	}
	return nothing
}

func curves(hello *clienthello.Hello) sampled {
	for kind := range hello.Extensions() {
		if kind == extensionGroups {
			return found(Truth(true))
		}
	}
	return nothing
}

// The parts of fetches that need a hello.
var (
	noTicket      = ofHello(func(*clienthello.Hello) sampled { return found(Number(0)) })
	legacyVersion = ofHello(func(hello *clienthello.Hello) sampled { return found(dotted(hello.LegacyVersion())) })
)

func sessionTicket(in *Input) sampled {
	answer := noTicket(in)
	if !answer.found {
		return answer
	}
	switch length, present := extensionLength(in.Hello.Bytes(), extensionTicket); {
	case present && length > 0:
		answer.value = Number(2)
	case present:
		answer.value = Number(1)
	}
	return answer
}

// version also reads the hello in SSLv2 format, whose sender may speak TLS.
func version(in *Input) sampled {
	if in.Hello != nil && in.Hello.Outcome() == clienthello.SSLv2 {
		return versionSSLv2(in.Hello.Bytes())
	}
	return legacyVersion(in)
}

// dotted returns a version as a number that has room for 16 bits on either side of the dot.
func dotted(version uint16) Value {
	return Number(int64(version>>8)<<16 | int64(version&0xff))
}

// versionSSLv2 reads a hello with a header of two bytes (RFC 5246, appendix E.2). The lengths in it have to agree, for
// there is nothing else to tell it from other protocols.
func versionSSLv2(b []byte) sampled {
	const header, fixed = 2, 9
	if len(b) < header+fixed {
		return notYet
	}
	ciphers, session, challenge := uint16At(b, 5), uint16At(b, 7), uint16At(b, 9)
	length := uint16At(b, 0) & 0x7fff
	switch {
	case ciphers%3 != 0, session != 0 && session != 16, challenge < 16 || challenge > 32,
		length != fixed+ciphers+session+challenge:
		return nothing
	case len(b) < header+length:
		return notYet
	}
	return found(dotted(uint16(uint16At(b, 3))))
}

func uint16At(b []byte, position int) int {
	return int(b[position])<<8 | int(b[position+1])
}

// extensionLength returns the length of an extension's data in the records of a hello that was found correct.
func extensionLength(records []byte, kind int) (length int, present bool) {
	const header, versionAndRandom = 4, 2 + 32
	r := messageReader{records: records}
	r.skip(header + versionAndRandom)
	r.skip(r.number(1)) // session id
	r.skip(r.number(2)) // cipher suites
	r.skip(r.number(1)) // compression methods
	for rest := r.number(2); rest >= 4 && !r.failed; {
		at := r.number(2)
		length := r.number(2)
		if at == kind && !r.failed {
			return length, true
		}
		r.skip(length)
		rest -= 4 + length
	}
	return 0, false
}

// A messageReader reads the handshake message in a series of TLS records (RFC 8446, section 5.1).
type messageReader struct {
	records  []byte
	fragment int // how much of the present record is left
	failed   bool
}

func (r *messageReader) number(size int) int {
	n := 0
	for range size {
		r.open()
		if r.failed {
			return 0
		}
		n = n<<8 | int(r.records[0])
		r.take(1)
	}
	return n
}

func (r *messageReader) skip(n int) {
	for n > 0 && !r.failed {
		r.open()
		step := min(n, r.fragment, len(r.records))
		r.take(step)
		n -= step
	}
}

// open reads record headers until there is something to read, or no more.
func (r *messageReader) open() {
	const header = 5
	for r.fragment == 0 && !r.failed {
		if len(r.records) <= header {
			r.failed = true
			return
		}
		r.fragment = uint16At(r.records, 3)
		r.records = r.records[header:]
	}
	r.failed = r.failed || len(r.records) == 0
}

func (r *messageReader) take(n int) {
	r.records = r.records[n:]
	r.fragment -= n
}
