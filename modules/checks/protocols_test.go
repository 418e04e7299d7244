// SPDX-License-Identifier: Apache-2.0

package checks

import (
	"encoding/hex"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
)

// sendsInTurn returns a server that sends one text after the other; "" waits until data arrives.
func sendsInTurn(texts ...string) func(*net.TCPConn) {
	return func(c *net.TCPConn) {
		for _, text := range texts {
			if text == "" {
				if n, err := c.Read(make([]byte, 4096)); n == 0 || err != nil {
					return
				}
			}
			io.WriteString(c, text)
		}
		silent(c)
	}
}

// sendsAndCloses is like sendsInTurn, but the server then closes the connection.
func sendsAndCloses(texts ...string) func(*net.TCPConn) {
	return func(c *net.TCPConn) {
		for _, text := range texts {
			if text == "" {
				c.Read(make([]byte, 4096))
			}
			io.WriteString(c, text)
		}
		c.CloseWrite()
		silent(c)
	}
}

func fromHex(digits string) string {
	b, err := hex.DecodeString(strings.ReplaceAll(digits, " ", ""))
	if err != nil {
		panic(err)
	}
	return string(b)
}

// mysqlPacket returns a packet, preceded by its length and number.
func mysqlPacket(number byte, content string) string {
	return string([]byte{byte(len(content)), byte(len(content) >> 8), 0, number}) + content
}

const mysqlGreeting = "\x0a" + "10.11.6-MariaDB\x00" + "\x07\x00\x00\x00" + "saltsalt\x00" + "\xff\xf7\x21\x02\x00\xff\x81\x15" + "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00" + "saltsaltsalt\x00" + "mysql_native_password\x00"

var (
	greets  = mysqlPacket(0, mysqlGreeting)
	granted = mysqlPacket(2, "\x00\x00\x00\x02\x00\x00\x00")
	denied  = mysqlPacket(2, "\xff\x15\x04#28000Access denied for user 'haproxy'@'localhost'")
	blocked = mysqlPacket(0, "\xff\x69\x04Host '192.0.2.1' is blocked")

	pgError = "E\x00\x00\x00\x48SFATAL\x00VFATAL\x00C28000\x00Mno pg_hba.conf entry for host\x00Fauth.c\x00L500\x00\x00\x00\x00\x00\x00\x00"
)

// spopFrame returns a frame, preceded by its length.
func spopFrame(kind byte, flags byte, items string) string {
	content := string([]byte{kind, 0, 0, 0, flags, 0, 0}) + items
	return string([]byte{0, 0, 0, byte(len(content))}) + content
}

const (
	spopVersion20 = "\x07version\x08\x032.0"
	spopSize      = "\x0emax-frame-size\x03\xfc\xf0\x06"
	spopNothing   = "\x0ccapabilities\x08\x00"
)

// protocolCase is a protocol check, here and in HAProxy. differ is HAProxy's code if it is another
// one.
type protocolCase struct {
	name, module, config, option string
	server                       func(*net.TCPConn)
	code                         pool.Code
	info                         string
	differ                       pool.Code
}

const ofHaproxy = `{"user": "haproxy"}`

var protocolCases = []protocolCase{
	{"greeting", "mysql", `{}`, "mysql-check", sendsInTurn(greets), pool.Layer7OK, "10.11.6-MariaDB", ""},
	{"blocked", "mysql", `{}`, "mysql-check", sendsAndCloses(blocked), pool.Layer7Status, "1129: Host '192.0.2.1' is blocked", ""},
	{"login", "mysql", ofHaproxy, "mysql-check user haproxy", sendsInTurn(greets, "", granted), pool.Layer7OK, "10.11.6-MariaDB", ""},
	{"login in pieces", "mysql", ofHaproxy, "mysql-check user haproxy", sendsInTurn(greets[:3], greets[3:40], greets[40:], "", granted[:5], granted[5:]), pool.Layer7OK, "10.11.6-MariaDB", ""},
	{"denied", "mysql", ofHaproxy, "mysql-check user haproxy", sendsInTurn(greets, "", denied), pool.Layer7Status, "1045 (28000): Access denied for user 'haproxy'@'localhost'", ""},
	{"blocked before login", "mysql", ofHaproxy, "mysql-check user haproxy", sendsAndCloses(blocked), pool.Layer7Status, "1129: Host '192.0.2.1' is blocked", ""},
	{"old login", "mysql", `{"user": "haproxy", "old": true}`, "mysql-check user haproxy pre-41", sendsInTurn(greets, "", granted), pool.Layer7OK, "10.11.6-MariaDB", ""},
	{"old login denied", "mysql", `{"user": "haproxy", "old": true}`, "mysql-check user haproxy pre-41", sendsInTurn(greets, "", denied), pool.Layer7Status, "*", ""},
	{"half a greeting", "mysql", `{}`, "mysql-check", sendsAndCloses(greets[:40]), pool.Layer7Response, "closed by the server", ""},
	{"half an answer", "mysql", ofHaproxy, "mysql-check user haproxy", sendsAndCloses(greets, "", granted[:6]), pool.Layer7Response, "closed by the server", ""},
	{"closed", "mysql", `{}`, "mysql-check", sendsAndCloses(), pool.Layer7Response, "closed by the server", ""},
	{"silent", "mysql", `{}`, "mysql-check", silent, pool.Layer7Timeout, "", ""},
	{"silent after login", "mysql", ofHaproxy, "mysql-check user haproxy", sendsInTurn(greets), pool.Layer7Timeout, "", ""},
	// HAProxy waits for as many bytes as these four announce.
	{"something else", "mysql", `{}`, "mysql-check", sendsInTurn("SSH-2.0-OpenSSH_9.2p1\r\n"), pool.Layer7Response, `not MySQL: got "SSH-2.0-OpenSSH_9.2p1\r\n"`, pool.Layer7Timeout},

	{"no password", "pgsql", ofHaproxy, "pgsql-check user haproxy", sendsInTurn("", fromHex("5200000008 00000000")), pool.Layer7OK, "the server asks for no password", ""},
	{"password", "pgsql", ofHaproxy, "pgsql-check user haproxy", sendsInTurn("", fromHex("5200000008 00000003")), pool.Layer7OK, "the server asks for a password", ""},
	{"MD5", "pgsql", ofHaproxy, "pgsql-check user haproxy", sendsInTurn("", fromHex("520000000c 00000005 01020304")), pool.Layer7OK, "the server asks for a password (md5)", ""},
	{"SCRAM", "pgsql", ofHaproxy, "pgsql-check user haproxy", sendsInTurn("", fromHex("5200000017 0000000a 534352414d2d5348412d323536 0000")), pool.Layer7OK, "the server asks for SASL", ""},
	{"GSSAPI", "pgsql", ofHaproxy, "pgsql-check user haproxy", sendsInTurn("", fromHex("5200000008 00000007")), pool.Layer7OK, "the server asks for GSSAPI", ""},
	{"unknown authentication", "pgsql", ofHaproxy, "pgsql-check user haproxy", sendsInTurn("", fromHex("5200000008 00000008")), pool.Layer7Status, "the server asks for authentication of the unknown kind 8", ""},
	{"refused", "pgsql", ofHaproxy, "pgsql-check user haproxy", sendsInTurn("", pgError), pool.Layer7Response, "FATAL 28000: no pg_hba.conf entry for host", ""},
	{"refused, old protocol", "pgsql", ofHaproxy, "pgsql-check user haproxy", sendsInTurn("", "E\x00\x00\x00\x10no such user\n\x00"), pool.Layer7Response, "no such user", ""},
	{"something else", "pgsql", ofHaproxy, "pgsql-check user haproxy", sendsInTurn("", "HTTP/1.1 400 Bad Request\r\n\r\n"), pool.Layer7Status, `not PostgreSQL: got "HTTP/"`, ""},
	{"another message", "pgsql", ofHaproxy, "pgsql-check user haproxy", sendsInTurn("", "N\x00\x00\x00\x0aSNOTE\x00"), pool.Layer7Status, `not an answer to a login: got "NSNOTE\x00"`, ""},
	{"closed", "pgsql", ofHaproxy, "pgsql-check user haproxy", sendsAndCloses(""), pool.Layer7Response, "closed by the server", ""},
	{"silent", "pgsql", ofHaproxy, "pgsql-check user haproxy", silent, pool.Layer7Timeout, "", ""},

	{"bound", "ldap", `{}`, "ldap-check", sendsInTurn("", fromHex("300c 020101 6107 0a0100 0400 0400")), pool.Layer7OK, "success", ""},
	{"bound, lengths of 4 bytes", "ldap", `{}`, "ldap-check", sendsInTurn("", fromHex("308400000010 020101 618400000007 0a0100 0400 0400")), pool.Layer7OK, "success", ""},
	{"bound, lengths of 1 byte", "ldap", `{}`, "ldap-check", sendsInTurn("", fromHex("30810c 020101 6107 0a0100 0400 0400")), pool.Layer7OK, "success", pool.Layer7Response},
	{"busy", "ldap", `{}`, "ldap-check", sendsInTurn("", fromHex("300c 020101 6107 0a0133 0400 0400")), pool.Layer7Status, "result 51 (busy)", ""},
	{"refused", "ldap", `{}`, "ldap-check", sendsInTurn("", fromHex("3016 020101 6111 0a0130 0400 040a")+"disallowed"), pool.Layer7Status, "result 48 (inappropriateAuthentication): disallowed", ""},
	{"disconnects", "ldap", `{}`, "ldap-check", sendsAndCloses("", fromHex("3024 020100 781f 0a0134 0400 0400 8a16")+"1.3.6.1.4.1.1466.20036"), pool.Layer7Response, "the server disconnects: result 52 (unavailable)", ""},
	{"another message", "ldap", `{}`, "ldap-check", sendsInTurn("", fromHex("300c 020102 6107 0a0100 0400 0400")), pool.Layer7Response, `not LDAP: got "\x02\x01\x02a\a\n\x01\x00\x04\x00\x04\x00"`, ""},
	{"something else", "ldap", `{}`, "ldap-check", sendsInTurn("", "HTTP/1.1 400 Bad Request\r\n\r\n"), pool.Layer7Response, `not LDAP: got "HT"`, ""},
	{"half", "ldap", `{}`, "ldap-check", sendsAndCloses("", fromHex("300c 020101 61")), pool.Layer7Response, "closed by the server", ""},
	{"closed", "ldap", `{}`, "ldap-check", sendsAndCloses(""), pool.Layer7Response, "closed by the server", ""},
	{"silent", "ldap", `{}`, "ldap-check", silent, pool.Layer7Timeout, "", ""},

	{"agent", "spop", `{}`, "spop-check", sendsInTurn("", spopFrame(101, 1, spopVersion20+spopSize+spopNothing)), pool.Layer7OK, "version 2.0", ""},
	{"agent in pieces", "spop", `{}`, "spop-check", sendsInTurn("", "\x00\x00", spopFrame(101, 1, spopVersion20+spopSize+spopNothing)[2:]), pool.Layer7OK, "version 2.0", ""},
	{"agent of another version", "spop", `{}`, "spop-check", sendsInTurn("", spopFrame(101, 1, "\x07version\x08\x031.0"+spopSize+spopNothing)), pool.Layer7Response, `the agent has version "1.0": expected 2.0`, ""},
	{"agent without a version", "spop", `{}`, "spop-check", sendsInTurn("", spopFrame(101, 1, spopSize+spopNothing)), pool.Layer7Response, "the hello has no version", ""},
	{"agent without a size", "spop", `{}`, "spop-check", sendsInTurn("", spopFrame(101, 1, spopVersion20+spopNothing)), pool.Layer7Response, "the hello has no max-frame-size", ""},
	{"agent of small frames", "spop", `{}`, "spop-check", sendsInTurn("", spopFrame(101, 1, spopVersion20+"\x0emax-frame-size\x03\x64"+spopNothing)), pool.Layer7Response, "the agent has max-frame-size 100: expected 256 to 16380", ""},
	{"agent disconnects", "spop", `{}`, "spop-check", sendsInTurn("", spopFrame(102, 1, "\x0bstatus-code\x03\x08\x07message\x08\x06no way")), pool.Layer7Response, "the agent disconnects: status 8: no way", ""},
	{"another frame", "spop", `{}`, "spop-check", sendsInTurn("", spopFrame(103, 1, "")), pool.Layer7Response, `not SPOP: got "g\x00\x00\x00\x01\x00\x00"`, ""},
	{"part of a frame", "spop", `{}`, "spop-check", sendsInTurn("", spopFrame(101, 0, spopVersion20+spopSize+spopNothing)), pool.Layer7Response, "*", ""},
	{"half a frame", "spop", `{}`, "spop-check", sendsAndCloses("", spopFrame(101, 1, spopVersion20+spopSize)[:20]), pool.Layer7Response, "closed by the server", ""},
	{"closed", "spop", `{}`, "spop-check", sendsAndCloses(""), pool.Layer7Response, "closed by the server", ""},
	{"silent", "spop", `{}`, "spop-check", silent, pool.Layer7Timeout, "", ""},

	{"mail", "smtp", `{}`, "smtpchk", sendsInTurn("220 mx.example\r\n", "", "250 hello\r\n", "", "221 bye\r\n"), pool.Layer7OK, "221 bye", ""},
	{"mail, EHLO", "smtp", `{"ehlo": "a.example"}`, "smtpchk EHLO a.example", sendsInTurn("220 mx.example\r\n", "", "250-mx.example\r\n", "250-PIPELINING\r\n250 HELP\r\n", "", "221 bye\r\n"), pool.Layer7OK, "221 bye", ""},
	{"mail, mere codes", "smtp", `{}`, "smtpchk", sendsInTurn("220 \r\n", "", "250\r\n", "", "221\r\n"), pool.Layer7OK, "221", ""},
	{"mail, long greeting", "smtp", `{}`, "smtpchk", sendsInTurn("220-mx.example\r\n", "220 hello\r\n", "", "250 hello\r\n", "", "221 bye\r\n"), pool.Layer7OK, "221 bye", pool.Layer7Response},
	{"mail, closed", "smtp", `{}`, "smtpchk", sendsAndCloses("554 no service here\r\n"), pool.Layer7Status, "554 no service here", ""},
	{"mail, busy", "smtp", `{}`, "smtpchk", sendsInTurn("421-too busy\r\n421 come back\r\n"), pool.Layer7Status, "421 too busy", pool.Layer7Response},
	{"mail, name refused", "smtp", `{}`, "smtpchk", sendsInTurn("220 mx.example\r\n", "", "501 bad name\r\n"), pool.Layer7Status, "501 bad name", pool.Layer7Timeout},
	{"mail, QUIT refused", "smtp", `{}`, "smtpchk", sendsInTurn("220 mx.example\r\n", "", "250 hello\r\n", "", "500 what\r\n"), pool.Layer7Status, "500 what", ""},
	{"mail, QUIT not answered", "smtp", `{}`, "smtpchk", sendsInTurn("220 mx.example\r\n", "", "250 hello\r\n", ""), pool.Layer7Timeout, "", ""},
	{"mail, closed at QUIT", "smtp", `{}`, "smtpchk", sendsAndCloses("220 mx.example\r\n", "", "250 hello\r\n", ""), pool.Layer7Response, "closed by the server", pool.Layer7Status},
	{"mail, something else later", "smtp", `{}`, "smtpchk", sendsAndCloses("220 mx.example\r\n", "", "what is that\r\n"), pool.Layer7Status, `the answer to HELO is not SMTP: got "what is that"`, ""},
	{"something else", "smtp", `{}`, "smtpchk", sendsInTurn("SSH-2.0-OpenSSH\r\n"), pool.Layer7Response, `not SMTP: got "SSH-2.0-OpenSSH"`, ""},
	{"half a greeting", "smtp", `{}`, "smtpchk", sendsAndCloses("22"), pool.Layer7Response, `not SMTP: got "22"`, ""},
	{"closed", "smtp", `{}`, "smtpchk", sendsAndCloses(), pool.Layer7Response, "closed by the server", ""},
	{"silent", "smtp", `{}`, "smtpchk", silent, pool.Layer7Timeout, "", ""},

	{"pong", "redis", `{}`, "redis-check", sendsInTurn("", "+PONG\r\n"), pool.Layer7OK, "+PONG", ""},
	{"pong in pieces", "redis", `{}`, "redis-check", sendsInTurn("", "+PO", "NG\r\n"), pool.Layer7OK, "+PONG", ""},
	{"error, closed", "redis", `{}`, "redis-check", sendsAndCloses("", "-DENIED protected mode\r\n"), pool.Layer7Status, "-DENIED protected mode", ""},
	// HAProxy waits for a PONG that may still follow.
	{"error", "redis", `{}`, "redis-check", sendsInTurn("", "-NOAUTH Authentication required.\r\n"), pool.Layer7Status, "-NOAUTH Authentication required.", pool.Layer7Timeout},
	{"something else", "redis", `{}`, "redis-check", sendsAndCloses("", "HTTP/1.1 400 Bad Request\r\n\r\n"), pool.Layer7Status, `not PONG: got "HTTP/1.1 400 Bad Request"`, ""},
	{"half", "redis", `{}`, "redis-check", sendsAndCloses("", "+PON"), pool.Layer7Status, `not PONG: got "+PON"`, ""},
	{"closed", "redis", `{}`, "redis-check", sendsAndCloses(""), pool.Layer7Response, "closed by the server", pool.Layer7Status},
	{"silent", "redis", `{}`, "redis-check", silent, pool.Layer7Timeout, "", ""},
}

func TestProtocols(t *testing.T) {
	for _, test := range protocolCases {
		t.Run(test.module+"/"+test.name, func(t *testing.T) {
			t.Parallel()
			expectCheck(t, provisioned(t, test.module, test.config), serve(t, test.server), test.code, test.info)
		})
	}
}

func TestProtocolsAgainstHAProxy(t *testing.T) {
	t.Parallel()
	var tests []haproxyCase
	for _, test := range protocolCases {
		want := test.code
		if test.differ != "" {
			want = test.differ
		}
		tests = append(tests, haproxyCase{test.module + "/" + test.name, " option " + test.option + "\n server s " + serve(t, test.server) + " check inter 900ms\n", want})
	}
	expectHAProxyCodes(t, tests)
}
