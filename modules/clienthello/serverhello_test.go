// SPDX-License-Identifier: Apache-2.0

package clienthello

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello/hellotest"
)

// serverHello returns a ServerHello message of TLS 1.2 with further bytes, its extensions.
func serverHello(id string, extensions []byte) []byte {
	body := slices.Concat([]byte{3, 3}, make([]byte, 32), hellotest.Vector8([]byte(id)), []byte{0xc0, 0x2f, 0}, extensions)
	return hellotest.Handshake(typeServerHello, body)
}

func TestParseServerHello(t *testing.T) {
	selects13 := hellotest.Vector16(slices.Concat(hellotest.Extension(51, []byte{0, 29}), hellotest.Extension(43, []byte{3, 4})))
	certificate := hellotest.Handshake(11, make([]byte, 3000))
	for name, c := range map[string]struct {
		raw       []byte
		id        string
		version   uint16
		resumable bool
		err       error
	}{
		"TLS 1.2":              {raw: hellotest.Record(22, serverHello("session", nil)), id: "session", version: versionTLS12, resumable: true},
		"with a certificate":   {raw: hellotest.Record(22, append(serverHello("session", nil), certificate...)), id: "session", version: versionTLS12, resumable: true},
		"a byte a record":      {raw: hellotest.Records(serverHello("session", nil), 1), id: "session", version: versionTLS12, resumable: true},
		"no session":           {raw: hellotest.Record(22, serverHello("", nil)), version: versionTLS12},
		"other extensions":     {raw: hellotest.Record(22, serverHello("x", hellotest.Vector16(hellotest.Extension(35, nil)))), id: "x", version: versionTLS12, resumable: true},
		"TLS 1.3":              {raw: hellotest.Record(22, serverHello("echoed", selects13)), id: "echoed", version: versionTLS13},
		"an alert":             {raw: []byte{21, 3, 3, 0, 2, 2, 40}, err: ErrNotTLS},
		"a greeting":           {raw: []byte("220 mail.example\r\n"), err: ErrNotTLS},
		"an alert in between":  {raw: append(hellotest.Record(22, serverHello("x", nil)[:5]), 21, 3, 3, 0, 2, 2, 40), err: ErrNotTLS},
		"a ClientHello":        {raw: hellotest.Hello(t, "a.example"), err: ErrMalformed},
		"an empty record":      {raw: []byte{22, 3, 3, 0, 0}, err: ErrMalformed},
		"too long":             {raw: hellotest.Record(22, []byte{2, 0, 0x20, 0}), err: ErrTooLarge},
		"too short":            {raw: hellotest.Record(22, []byte{2, 0, 0, 4, 3, 3, 0, 0}), err: ErrMalformed},
		"a long session id":    {raw: hellotest.Record(22, serverHello(strings.Repeat("x", 33), nil)), err: ErrMalformed},
		"extensions cut off":   {raw: hellotest.Record(22, serverHello("x", selects13[:5])), err: ErrMalformed},
		"an extension cut off": {raw: hellotest.Record(22, serverHello("x", []byte{0, 3, 0, 43, 0})), err: ErrMalformed},
	} {
		h, err := ParseServerHello(c.raw)
		if !errors.Is(err, c.err) {
			t.Errorf("%s: %v, want %v", name, err, c.err)
		}
		if err == nil && (string(h.SessionID) != c.id || h.Version != c.version || h.Resumable() != c.resumable) {
			t.Errorf("%s: %q %#x %v", name, h.SessionID, h.Version, h.Resumable())
		}
	}
}

// FuzzServerHello cuts bytes off: until the end of the hello, more are needed.
func FuzzServerHello(f *testing.F) {
	f.Add(hellotest.Record(22, serverHello("session", nil)))
	f.Add(hellotest.Records(serverHello("session", nil), 1, 7))
	f.Add([]byte("220 mail.example\r\n"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		whole, err := ParseServerHello(raw)
		final := errors.Is(err, ErrNeedMore)
		for end := len(raw); end >= 0; end-- {
			switch h, got := ParseServerHello(raw[:end:end]); {
			case errors.Is(got, ErrNeedMore):
				final = true
			case final && end < len(raw):
				t.Fatalf("decided by the first %d bytes, %v, and not by more", end, got)
			case !errors.Is(got, err) && !errors.Is(err, got), !bytes.Equal(h.SessionID, whole.SessionID):
				t.Fatalf("%v by the first %d bytes, %v by all", got, end, err)
			}
		}
	})
}
