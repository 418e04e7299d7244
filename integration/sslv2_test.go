// SPDX-License-Identifier: Apache-2.0

package integration

import (
	"bytes"
	"encoding/binary"
	"io"
	"path/filepath"
	"testing"
)

// sslv2Hello returns a hello in the format of SSLv2 that offers a version of TLS (RFC 5246,
// appendix E.2), with RSA ciphers of TLS 1.0 and 1.2.
func sslv2Hello(version uint16) []byte {
	ciphers := []byte{0, 0, 0x2f, 0, 0, 0x35, 0, 0, 0x3c, 0, 0, 0x9c}
	challenge := bytes.Repeat([]byte{7}, 32)
	body := binary.BigEndian.AppendUint16([]byte{1}, version)
	for _, length := range []int{len(ciphers), 0, len(challenge)} {
		body = binary.BigEndian.AppendUint16(body, uint16(length))
	}
	body = append(append(body, ciphers...), challenge...)
	return append(binary.BigEndian.AppendUint16(nil, 0x8000|uint16(len(body))), body...)
}

// A hello in the format of SSLv2 reaches a real server behind the default backend, which answers it
// with TLS 1.2. No program still in use sends one.
func TestSSLv2HelloToOpenSSL(t *testing.T) {
	dir := t.TempDir()
	certificate, key := filepath.Join(dir, "certificate"), filepath.Join(dir, "key")
	if out, err := run(t, "openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1",
		"-subj", "/CN=old.example.test", "-keyout", key, "-out", certificate); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	origin := freeAddress(t)
	inBackground(t, "openssl", "s_server", "-accept", origin, "-cert", certificate, "-key", key, "-cipher", "ALL:@SECLEVEL=0").await(t, "ACCEPT")
	p, address := startServers(t, "", origin)
	c := dial(t, address)
	if _, err := c.Write(sslv2Hello(0x0303)); err != nil {
		t.Fatal(err)
	}
	answer := make([]byte, 11)
	if _, err := io.ReadFull(c, answer); err != nil {
		t.Fatalf("the server's answer: %v", err)
	}
	const handshake, serverHello = 22, 2
	if answer[0] != handshake || answer[5] != serverHello || !bytes.Equal(answer[9:11], []byte{3, 3}) {
		t.Errorf("the server answers %x, want a ServerHello of TLS 1.2", answer)
	}
	_ = c.Close()
	if l := p.sessions(t, 1)[0]; l.Outcome != "sslv2" || l.Backend != "default" || l.Server != "s1" {
		t.Errorf("log line %+v", l)
	}
}
