// SPDX-License-Identifier: Apache-2.0

package logformat

import "net/netip"

// An Alias is one of HAProxy's names for a fact of a connection, such as %ci.
type Alias uint8

// The aliases, with HAProxy's names.
const (
	none          Alias = iota
	Accepted            // T Tl Ts t ms tr trg trl
	ClientIP            // ci
	ClientPort          // cp
	FrontendIP          // fi
	FrontendPort        // fp
	Frontend            // f ft
	Backend             // b
	Server              // s
	ServerIP            // si
	ServerPort          // sp
	SourceIP            // bi
	SourcePort          // bp
	BytesOut            // B
	BytesIn             // U
	Wait                // Tw
	Connect             // Tc
	Data                // Td
	Total               // Tt Tu Ta
	Handshake           // Th
	Letters             // ts
	CookieLetters       // tsc
	ActConn             // ac
	FEConn              // fc
	BEConn              // bc
	SrvConn             // sc
	Retries             // rc
	ServerQueue         // sq
	BackendQueue        // bq
	UniqueID            // ID
	RequestCount        // rt
	LogCount            // lc
	PID                 // pid
	Hostname            // H
	Origin              // OG
	Never               // CC CS sslv sslc
	BadRequest          // r HM HP HPO HQ HU HV
	NotReached          // Ti Tq TR Tr
	Zero                // ST
	AliasCount          // their number
)

// A Fact is the value of an alias. A missing text or address is empty, a missing port less than 0.
type Fact struct {
	Text   string
	IP     netip.Addr
	Number int64 // times of day in microseconds, others in milliseconds
	Plus   bool  // the retries went to another server
}

// Facts has the facts of a connection.
type Facts interface {
	// Fact returns what the alias stands for.
	Fact(a Alias) Fact
}

// kind says how a fact is written.
type kind uint8

const (
	text       kind = iota
	word            // a text that is never quoted
	badRequest      // a text that CBOR has in parts
	address
	port
	number
	growing // a number that is not final before the end
	retries
	hexNumber // 4 digits with X
	hexShort  // 2 digits with X
	date
	dateUTC
	dateZone
	seconds
	millis
	captured     // in braces
	capturedBare // each one by itself
)

// spec describes an alias. atEnd: the fact is not known before the connection ends. server: it is
// that of the connection to the server.
type spec struct {
	fact   Alias
	kind   kind
	atEnd  bool
	server bool
}

// aliases are those of HAProxy that exist in mode tcp, and those of mode http, which say that there
// is no request.
var aliases = map[string]spec{
	"T": {fact: Accepted, kind: dateUTC}, "Tl": {fact: Accepted, kind: dateZone}, "t": {fact: Accepted, kind: date},
	"trg": {fact: Accepted, kind: dateUTC}, "trl": {fact: Accepted, kind: dateZone}, "tr": {fact: Accepted, kind: date},
	"Ts": {fact: Accepted, kind: seconds}, "ms": {fact: Accepted, kind: millis},
	"ci": {fact: ClientIP, kind: address}, "cp": {fact: ClientPort, kind: port},
	"fi": {fact: FrontendIP, kind: address}, "fp": {fact: FrontendPort, kind: port},
	"si": {fact: ServerIP, kind: address}, "sp": {fact: ServerPort, kind: port},
	"bi": {fact: SourceIP, kind: address, server: true}, "bp": {fact: SourcePort, kind: port, server: true},
	"f": {fact: Frontend}, "ft": {fact: Frontend}, "b": {fact: Backend}, "s": {fact: Server},
	"H": {fact: Hostname}, "OG": {fact: Origin}, "ID": {fact: UniqueID, atEnd: true},
	"B": {fact: BytesOut, kind: growing, atEnd: true}, "U": {fact: BytesIn, kind: number, atEnd: true},
	"Tw": {fact: Wait, kind: number, atEnd: true}, "Tc": {fact: Connect, kind: number, atEnd: true},
	"Td": {fact: Data, kind: number, atEnd: true}, "Th": {fact: Handshake, kind: number, atEnd: true},
	"Tt": {fact: Total, kind: growing, atEnd: true}, "Tu": {fact: Total, kind: growing, atEnd: true}, "Ta": {fact: Total, kind: growing, atEnd: true},
	"ts": {fact: Letters, kind: word, atEnd: true}, "tsc": {fact: CookieLetters, kind: word, atEnd: true},
	"ac": {fact: ActConn, kind: number, atEnd: true}, "fc": {fact: FEConn, kind: number, atEnd: true},
	"bc": {fact: BEConn, kind: number, atEnd: true}, "sc": {fact: SrvConn, kind: number, atEnd: true},
	"rc": {fact: Retries, kind: retries, atEnd: true},
	"sq": {fact: ServerQueue, kind: number, atEnd: true}, "bq": {fact: BackendQueue, kind: number, atEnd: true},
	"rt": {fact: RequestCount, kind: hexNumber}, "lc": {fact: LogCount, kind: hexNumber}, "pid": {fact: PID, kind: hexNumber},
	"hr": {kind: captured}, "hrl": {kind: capturedBare}, "hs": {kind: captured}, "hsl": {kind: capturedBare},

	"CC": {fact: Never}, "CS": {fact: Never}, "sslv": {fact: Never}, "sslc": {fact: Never},
	"r": {fact: BadRequest, kind: badRequest}, "HM": {fact: BadRequest, kind: badRequest}, "HP": {fact: BadRequest, kind: badRequest},
	"HPO": {fact: BadRequest, kind: badRequest}, "HQ": {fact: BadRequest, kind: badRequest}, "HU": {fact: BadRequest, kind: badRequest},
	"HV": {fact: BadRequest, kind: badRequest},
	"Ti": {fact: NotReached, kind: number, atEnd: true}, "Tq": {fact: NotReached, kind: number, atEnd: true},
	"TR": {fact: NotReached, kind: number, atEnd: true}, "Tr": {fact: NotReached, kind: number, atEnd: true},
	"ST": {fact: Zero, kind: number},
}

// fetches are the expressions that are names of facts.
var fetches = map[string]spec{
	"accept_date": {fact: Accepted, kind: seconds}, "request_date": {fact: Accepted, kind: seconds},
	"bytes_out": {fact: BytesOut, kind: number, atEnd: true}, "res.bytes_in": {fact: BytesOut, kind: number, atEnd: true},
	"bytes_in": {fact: BytesIn, kind: number, atEnd: true}, "req.bytes_in": {fact: BytesIn, kind: number, atEnd: true},
	"res.bytes_out": {fact: BytesOut, kind: number, atEnd: true}, "req.bytes_out": {fact: BytesIn, kind: number, atEnd: true},
	"bc.timer.connect": {fact: Connect, kind: number}, "res.timer.data": {fact: Data, kind: number, atEnd: true},
	"fc.timer.handshake": {fact: Handshake, kind: number}, "fc.timer.total": {fact: Total, kind: number, atEnd: true},
	"txn.timer.user": {fact: Total, kind: number, atEnd: true}, "txn.timer.total": {fact: Total, kind: number, atEnd: true},
	"req.timer.queue": {fact: Wait, kind: number}, "req.timer.idle": {fact: NotReached, kind: number},
	"bc_be_queue": {fact: BackendQueue, kind: number}, "bc_srv_queue": {fact: ServerQueue, kind: number},
	"bc_src": {fact: SourceIP, kind: address, server: true}, "bc_src_port": {fact: SourcePort, kind: port, server: true},
	"bc_dst": {fact: ServerIP, kind: address}, "bc_dst_port": {fact: ServerPort, kind: port},
	"txn.sess_term_state": {fact: Letters}, "txn.conn_retries": {fact: Retries, kind: number},
	"txn.id32": {fact: RequestCount, kind: number}, "unique-id": {fact: UniqueID}, "txn.status": {fact: Zero, kind: number},
}
