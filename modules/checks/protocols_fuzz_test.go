// SPDX-License-Identifier: Apache-2.0

package checks

import (
	"bytes"
	"context"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"unicode"

	"github.com/caddy-passthrough/caddy-passthrough/modules/pool"
)

// exchanges are the protocols, by their number in the fuzz target.
var exchanges = []func(io.ReadWriter) (string, error){
	(&MySQL{}).exchange, (&MySQL{User: "haproxy"}).exchange, (&PgSQL{User: "haproxy"}).exchange, exchangeLDAPBind, exchangeSPOPHello, (&SMTP{}).exchange, exchangeRedisPing,
}

// exchangeResult returns the result of an exchange with a server that sends these bytes.
func exchangeResult(speak func(io.ReadWriter) (string, error), r io.Reader) pool.Result {
	type both struct {
		io.Reader
		io.Writer
	}
	info, err := speak(both{r, io.Discard})
	if err != nil {
		return dialogFailure(context.Background(), err).Result
	}
	return pool.Result{Code: pool.Layer7OK, Info: printable(info)}
}

// The result does not depend on how the server's answer is cut into pieces, nor on bytes after an
// answer that passes, and its Info is fit for a log.
func FuzzProtocols(f *testing.F) {
	for kind, answers := range [][]string{
		{greets, blocked, "SSH-2.0\r\n"},
		{greets + granted, greets + denied, greets + mysqlPacket(2, "\xfemysql_native_password\x00salt") + granted, greets + mysqlPacket(2, "\xff")},
		{"R\x00\x00\x00\x08\x00\x00\x00\x00", pgError, "R\x00\x00\x00\x04", "R\x00\x00\x00\x17\x00\x00\x00\x0aSCRAM-SHA-256\x00\x00"},
		{bound, fromHex("308400000010 020101 618400000007 0a0100 0400 0400"), fromHex("3016 020101 6111 0a0130 0400 040a") + "disallowed", fromHex("3082ffff"), fromHex("308400000000")},
		{spopFrame(101, 1, spopVersion20+spopSize+spopNothing), spopFrame(102, 1, "\x0bstatus-code\x03\x08\x07message\x08\x06no way"), spopFrame(101, 1, "\x01a\x06\x7f\x00\x00\x01\x01b\x07"), "\x00\x00\x00\x0e\x65\x00\x00\x00\x01\x00\x00\xff\xff\xff\xff\xff\xff\xff"},
		{"220 a\r\n250 b\r\n221 c\r\n", "220-a\r\n220 b\r\n250-c\r\n250 d\r\n221 e\n", "554\r\n", "22"},
		{"+PONG\r\n", "-ERR\r\n", "+PONG\n", "\r\n"},
	} {
		for _, answer := range answers {
			f.Add(uint8(kind), []byte(answer))
		}
	}
	f.Fuzz(func(t *testing.T, kind uint8, answer []byte) {
		speak := exchanges[int(kind)%len(exchanges)]
		whole := exchangeResult(speak, bytes.NewReader(answer))
		if cut := exchangeResult(speak, iotest.OneByteReader(bytes.NewReader(answer))); cut.Code != whole.Code {
			t.Errorf("%s %q at once, %s %q byte by byte", whole.Code, whole.Info, cut.Code, cut.Info)
		}
		if strings.ContainsFunc(whole.Info, func(r rune) bool { return !unicode.IsPrint(r) }) || len(whole.Info) > 2*maxLogged {
			t.Errorf("told: %q", whole.Info)
		}
		more := exchangeResult(speak, io.MultiReader(bytes.NewReader(answer), strings.NewReader("-more\r\n")))
		if whole.Code == pool.Layer7OK && more != whole {
			t.Errorf("%s %q, and with more behind it %s %q", whole.Code, whole.Info, more.Code, more.Info)
		}
	})
}
