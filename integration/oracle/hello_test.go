// SPDX-License-Identifier: Apache-2.0

package oracle

import (
	"crypto/tls"
	"fmt"
	"net"
	"strconv"
	"strings"
	"testing"

	utls "github.com/refraction-networking/utls"

	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello/hellotest"
)

// browsers are the hellos of browsers.
var browsers = map[string]utls.ClientHelloID{
	"chrome":  utls.HelloChrome_Auto,
	"firefox": utls.HelloFirefox_Auto,
	"safari":  utls.HelloSafari_Auto,
}

// versions are the highest versions that a hello may offer.
var versions = map[string]uint16{
	"1.0": tls.VersionTLS10, "1.1": tls.VersionTLS11, "1.2": tls.VersionTLS12, "1.3": tls.VersionTLS13,
}

// parseHello parses the words of a hello: NAME (- for none) [alpn A,B] [of BROWSER] [version V]
// [records N] [size N] [bytes M to N|end] [segments N].
func (s *scenario) parseHello(t testing.TB, w *words) (data []byte, segment int, err error) {
	said := w.rest
	name := w.next()
	if name == "-" {
		name = ""
	}
	var (
		protocols []string
		browser   string
		version   = uint16(tls.VersionTLS13)
		known     bool
		size      int
	)
	for {
		switch {
		case w.take("alpn"):
			protocols = strings.Split(w.next(), ",")
		case w.take("of"):
			browser = w.next()
		case w.take("version"):
			if version, known = versions[w.next()]; !known {
				return nil, 0, fmt.Errorf("expected a version from 1.0 to 1.3")
			}
		case w.take("size"):
			if size, err = w.number(); err != nil {
				return nil, 0, err
			}
		default:
			said := strings.Join(said[:len(said)-len(w.rest)], " ")
			if s.hellos[said] == nil { // the same words make the same bytes
				if s.hellos[said], err = makeHello(t, name, browser, version, protocols, size); err != nil {
					return nil, 0, err
				}
			}
			return cut(s.hellos[said], w)
		}
	}
}

func makeHello(t testing.TB, name, browser string, version uint16, protocols []string, size int) ([]byte, error) {
	switch id, known := browsers[browser]; {
	case known:
		return browserHello(name, id)
	case browser != "":
		return nil, fmt.Errorf("unknown browser %q", browser)
	case size > 0:
		const headers = 5 + 4 // of the record and the message
		return hellotest.Plain(hellotest.SNI(name)).Pad(size - headers).Raw(), nil
	}
	return hellotest.Capture(t, &tls.Config{ServerName: name, InsecureSkipVerify: name == "", NextProtos: protocols, MinVersion: tls.VersionTLS10, MaxVersion: version}), nil
}

func browserHello(name string, id utls.ClientHelloID) ([]byte, error) {
	near, far := net.Pipe()
	defer near.Close()
	defer far.Close()
	c := utls.UClient(near, &utls.Config{ServerName: name, InsecureSkipVerify: name == ""}, id)
	if err := c.BuildHandshakeState(); err != nil {
		return nil, err
	}
	return hellotest.Records(c.HandshakeState.Hello.Raw), nil
}

// cut parses the words about how a hello is sent.
func cut(data []byte, w *words) (part []byte, segment int, err error) {
	if w.take("records") {
		n, err := w.number()
		if err != nil {
			return nil, 0, err
		}
		data = hellotest.Records(data[5:], n)
	}
	if w.take("bytes") {
		first, err := w.number()
		if err != nil || !w.take("to") {
			return nil, 0, fmt.Errorf("expected bytes M to N")
		}
		last := len(data)
		if end := w.next(); end != "end" {
			if last, err = strconv.Atoi(end); err != nil {
				return nil, 0, err
			}
		}
		if first > last || last > len(data) {
			return nil, 0, fmt.Errorf("bytes %d to %d of %d", first, last, len(data))
		}
		data = data[first-1 : last]
	}
	if w.take("segments") {
		segment, err = w.number()
	}
	return data, segment, err
}
