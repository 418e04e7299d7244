// SPDX-License-Identifier: Apache-2.0

package checks

import (
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
)

// recording holds the bytes that a server received on a connection, and how the connection ended.
type recording struct {
	text string
	end  error
}

// recordingServer returns a server that sends one text after each piece of data that arrives (an
// empty first text waits for nothing), and reports what it received.
func recordingServer(all chan<- recording, answers ...string) func(*net.TCPConn) {
	return func(c *net.TCPConn) {
		h, buffer := recording{}, make([]byte, 4096)
		defer func() {
			select {
			case all <- h:
			default:
			}
		}()
		io.WriteString(c, answers[0])
		for _, answer := range answers[1:] {
			n, err := c.Read(buffer)
			if h.text += string(buffer[:n]); err != nil {
				h.end = err
				return
			}
			io.WriteString(c, answer)
		}
		rest, err := io.ReadAll(c)
		h.text, h.end = h.text+string(rest), err
	}
}

const (
	withoutPlugins = "\x0a" + "5.1.73\x00" + "\x07\x00\x00\x00" + "saltsalt\x00" + "\xff\xf7\x21\x02\x00\x00\x00"
	login41        = "\x29\x00\x00\x01" + "\x00\x82\x00\x00\x00\x80\x00\x01\x21" + "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00" + "haproxy\x00\x00"
	quit           = "\x01\x00\x00\x00\x01"
	bound          = "\x30\x0c\x02\x01\x01\x61\x07\x0a\x01\x00\x04\x00\x04\x00"
)

// Each checker sends what HAProxy's does. Some also say goodbye where HAProxy just closes. The
// checks that HAProxy ends with a FIN end so here, and so does ldap.
func TestProtocolsSendWhatHAProxySends(t *testing.T) {
	t.Parallel()
	backends, told := make(map[string]string), make(map[string]chan recording)
	tests := []struct {
		name, module, config, option string
		answers                      []string
		more                         string // sent in addition to what HAProxy sends
		end                          error
	}{
		{"mysql", "mysql", ofHaproxy, "mysql-check user haproxy", []string{mysqlPacket(0, withoutPlugins), granted}, "", nil},
		{"mysql-old", "mysql", `{"user": "haproxy", "old": true}`, "mysql-check user haproxy pre-41", []string{mysqlPacket(0, withoutPlugins), granted}, "", nil},
		{"mysql-greeting", "mysql", `{}`, "mysql-check", []string{mysqlPacket(0, withoutPlugins), mysqlPacket(2, "\xff\x15\x04no")}, "\x22" + strings.Replace(login41[1:], "haproxy", "", 1), nil},
		{"pgsql", "pgsql", ofHaproxy, "pgsql-check user haproxy", []string{"", "R\x00\x00\x00\x08\x00\x00\x00\x00"}, "X\x00\x00\x00\x04", nil},
		{"pgsql-password", "pgsql", ofHaproxy, "pgsql-check user haproxy", []string{"", "R\x00\x00\x00\x08\x00\x00\x00\x03"}, "", nil},
		{"ldap", "ldap", `{}`, "ldap-check", []string{"", bound}, "\x30\x05\x02\x01\x02\x42\x00", nil},
		{"spop", "spop", `{}`, "spop-check", []string{"", spopFrame(101, 1, spopVersion20+spopSize+spopNothing)}, "", syscall.ECONNRESET},
		{"smtp", "smtp", `{}`, "smtpchk", []string{"220 a\r\n", "250 b\r\n", "221 c\r\n"}, "", nil},
		{"smtp-ehlo", "smtp", `{"ehlo": "mx.example"}`, "smtpchk EHLO mx.example", []string{"220 a\r\n", "250 b\r\n", "221 c\r\n"}, "", nil},
		{"redis", "redis", `{}`, "redis-check", []string{"", "+PONG\r\n"}, "", syscall.ECONNRESET},
	}
	for _, test := range tests {
		told[test.name] = make(chan recording, 100)
		backends[test.name] = " option " + test.option + "\n server s " + serve(t, recordingServer(told[test.name], test.answers...)) + " check inter 900ms\n"
	}
	said := make(map[string]string)
	for _, test := range tests {
		ours := make(chan recording, 1)
		expectResult(t, checked(provisioned(t, test.module, test.config), to(serve(t, recordingServer(ours, test.answers...)))), pool.Layer7OK, "*")
		got := <-ours
		said[test.name] = got.text
		if !errors.Is(got.end, test.end) {
			t.Errorf("%s: the connection ends with %v, want %v", test.name, got.end, test.end)
		}
	}
	agreed := make(map[string]bool)
	askHAProxy(t, "check_status", backends, func(map[string]map[string]string) (problems []string) {
		for _, test := range tests {
			theirs := ""
			for !agreed[test.name] && len(told[test.name]) > 0 {
				theirs = (<-told[test.name]).text
				agreed[test.name] = said[test.name] == theirs+test.more
			}
			if !agreed[test.name] {
				problems = append(problems, fmt.Sprintf("%s: we say %q, HAProxy said %q last", test.name, said[test.name], theirs))
			}
		}
		return problems
	})
}

// A server with plugins is asked for the one for users without a password. One that asks for
// another method gets an empty password for that.
func TestMySQLPlugins(t *testing.T) {
	const native = "mysql_native_password\x00"
	asked := strings.Replace(strings.Replace(login41, "\x29", string(rune(0x29+len(native))), 1), "\x00\x82\x00\x00", "\x00\x82\x08\x00", 1) + native
	for name, test := range map[string]struct{ answers, empty string }{
		"none":   {"", ""},
		"native": {mysqlPacket(2, "\xfemysql_native_password\x00saltsaltsaltsaltsalt\x00"), "\x00\x00\x00\x03"},
		"sha2":   {mysqlPacket(2, "\xfecaching_sha2_password\x00saltsaltsaltsaltsalt\x00"), "\x01\x00\x00\x03\x00"},
		"old":    {mysqlPacket(2, "\xfe"), "\x00\x00\x00\x03"},
	} {
		ours, answers := make(chan recording, 1), []string{greets}
		if test.answers != "" {
			answers = append(answers, test.answers)
		}
		address := serve(t, recordingServer(ours, append(answers, mysqlPacket(4, "\x00\x00\x00\x02\x00\x00\x00"))...))
		expectResult(t, checked(provisioned(t, "mysql", ofHaproxy), to(address)), pool.Layer7OK, "10.11.6-MariaDB")
		if got := <-ours; got.text != asked+test.empty+quit {
			t.Errorf("%s: got %q, want %q", name, got.text, asked+test.empty+quit)
		}
	}
	endless := serve(t, sendsInTurn(greets, "", strings.Repeat(mysqlPacket(2, "\x01more"), maxAnswers)))
	expectResult(t, checked(provisioned(t, "mysql", ofHaproxy), to(endless)), pool.Layer7Status, "the server requires more than a user without a password")
}

// With accept_auth_switch, the server's answer to the empty password does not matter.
func TestMySQLAuthSwitch(t *testing.T) {
	asks := mysqlPacket(2, "\xfecaching_sha2_password\x00saltsaltsaltsaltsalt\x00")
	for config, want := range map[string]pool.Code{ofHaproxy: pool.Layer7Status, `{"user": "haproxy", "accept_auth_switch": true}`: pool.Layer7OK} {
		address := serve(t, sendsInTurn(greets, "", asks, "", mysqlPacket(4, "\xff\x15\x04#28000Access denied")))
		expectResult(t, checked(provisioned(t, "mysql", config), to(address)), want, "*")
	}
}

// A server that never answers the goodbye delays the check only briefly, and what it still sends is
// not answered with a reset.
func TestGoodbyeIsBounded(t *testing.T) {
	t.Parallel()
	ends := make(chan error, 1)
	address := serve(t, func(c *net.TCPConn) {
		sendsInTurn(greets)(c)
		time.Sleep(soon)
		_, err := c.Write([]byte("x")) // fails after a reset
		ends <- err
	})
	began := time.Now()
	expectResult(t, checked(provisioned(t, "mysql", `{}`), to(address)), pool.Layer7OK, "10.11.6-MariaDB")
	if took := time.Since(began); took > ample/2 {
		t.Errorf("took %v", took)
	}
	if err := <-ends; err != nil {
		t.Errorf("the server sees %v", err)
	}
}

// With tls, each protocol runs inside TLS, and the connection ends with a close_notify.
func TestProtocolsOverTLS(t *testing.T) {
	s := secureServer(t, leaf("web.example"))
	for name, test := range map[string]struct {
		config  string
		answers []string
	}{
		"mysql": {`{"user": "haproxy", "tls": {"ca": "$", "server_name": "web.example"}}`, []string{greets, granted}},
		"pgsql": {`{"user": "haproxy", "tls": {"ca": "$", "server_name": "web.example"}}`, []string{"", "R\x00\x00\x00\x08\x00\x00\x00\x00"}},
		"ldap":  {`{"tls": {"ca": "$", "server_name": "web.example"}}`, []string{"", bound}},
		"spop":  {`{"tls": {"ca": "$", "server_name": "web.example"}}`, []string{"", spopFrame(101, 1, spopVersion20+spopSize+spopNothing)}},
		"smtp":  {`{"tls": {"ca": "$", "server_name": "web.example"}}`, []string{"220 a\r\n", "250 b\r\n", "221 c\r\n"}},
		"redis": {`{"tls": {"ca": "$", "server_name": "web.example"}}`, []string{"", "+PONG\r\n"}},
	} {
		ends := make(chan error, 1)
		address := serve(t, func(c *net.TCPConn) {
			secure := s.wrap(c)
			io.WriteString(secure, test.answers[0])
			for _, answer := range test.answers[1:] {
				secure.Read(make([]byte, 4096))
				io.WriteString(secure, answer)
			}
			_, err := io.Copy(io.Discard, secure)
			ends <- err
		})
		c := provisioned(t, name, strings.ReplaceAll(test.config, "$", s.ca))
		expectResult(t, checked(c, to(address)), pool.Layer7OK, "*")
		if err := <-ends; err != nil {
			t.Errorf("%s: the server sees %v", name, err)
		}
		expectResult(t, checked(provisioned(t, name, strings.ReplaceAll(strings.ReplaceAll(test.config, "$", s.ca), "web.example", "no.example")), to(address)), pool.Layer6Response, "certificate is for web.example, not for no.example")
		<-ends
	}
}

func TestProtocolMistakes(t *testing.T) {
	long := strings.Repeat("x", maxUser+1)
	for _, test := range []struct{ name, config, want string }{
		{"mysql", `{"user": "a\u0000b"}`, `user "a?b": expected at most 255 bytes`},
		{"mysql", fmt.Sprintf(`{"user": %q}`, long), "expected at most 255 bytes"},
		{"mysql", `{"old": true}`, "old and accept_auth_switch require user"},
		{"mysql", `{"user": "a", "old": true, "accept_auth_switch": true}`, "mutually exclusive"},
		{"mysql", `{"tls": {"ca": "/nowhere.pem"}}`, "tls: ca: open /nowhere.pem"},
		{"pgsql", `{}`, "user is missing"},
		{"pgsql", `{"user": "a\u0000"}`, "expected at most 255 bytes without zero bytes"},
		{"pgsql", `{"user": "a", "tls": {"verify": "x"}}`, "tls: verify"},
		{"ldap", `{"user": "a"}`, `unknown field "user"`},
		{"smtp", `{"helo": "a", "ehlo": "b"}`, "mutually exclusive"},
		{"smtp", `{"helo": "a\r\nb"}`, `helo or ehlo "a??b": expected the name of a host`},
		{"smtp", `{"ehlo": "a b"}`, "expected the name of a host"},
	} {
		_, err := load(test.name, test.config)
		contains(t, err, test.want)
	}
}
