// SPDX-License-Identifier: Apache-2.0

package haproxycfg

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/caddy-passthrough/caddy-passthrough/modules/haproxyfile"
)

// bindOption is an option of a bind line.
type bindOption struct {
	values int // number of words after it
	grade  grade
	note   string
	check  func(string) error
	do     func(*bind, string)
}

const noteOwner = "the owner of a socket cannot be set; expected mode alone, in a directory with restricted access"

// bindOptions are HAProxy's options of bind.
var bindOptions = newBindOptions()

func newBindOptions() map[string]bindOption {
	o := map[string]bindOption{
		"v4v6":   {grade: supported},
		"v6only": {grade: supported, do: func(b *bind, _ string) { b.v6only = true }},
		"mode":   {values: 1, grade: supported, check: octal, do: func(b *bind, v string) { b.mode = v }},

		"accept-proxy":         {grade: refused, note: "the PROXY protocol is not available yet"},
		"accept-netscaler-cip": {values: 1, grade: refused, note: "NetScaler's header is not available"},
		"ssl":                  {grade: refused, note: noteBindTLS},
		"transparent":          {grade: refused, note: "listening on foreign addresses is not available"},
		"interface":            {values: 1, grade: refused, note: "it is not available; expected the interface's address in place of *"},
		"namespace":            {values: 1, grade: refused, note: "network namespaces are not available"},
		"tcp-md5sig":           {values: 1, grade: refused, note: "TCP MD5 signatures are not available"},
		"user":                 {values: 1, grade: refused, note: noteOwner},
		"group":                {values: 1, grade: refused, note: noteOwner},
		"uid":                  {values: 1, grade: refused, note: noteOwner},
		"gid":                  {values: 1, grade: refused, note: noteOwner},

		"backlog": {values: 1, grade: differs, check: backlogLength, do: func(b *bind, v string) { b.backlog = integer(v) }, note: noteBacklog},

		"maxconn": {values: 1, grade: pending, check: whole, note: "the number of connections is limited by the limit of open files alone"},
	}
	o["id"] = bindOption{values: 1, grade: ignored, check: positiveID, do: func(b *bind, v string) { b.id, _ = strconv.Atoi(v) }, note: noteBindID}
	o["name"] = bindOption{values: 1, grade: ignored, do: func(b *bind, v string) { b.name = v }, note: noteBindID}
	for _, name := range []string{"nice", "mss"} {
		o[name] = bindOption{values: 1, grade: ignored, check: whole, note: "it names or tunes the socket"}
	}
	o["tcp-ut"] = bindOption{values: 1, grade: ignored, check: timeInMs, note: "it names or tunes the socket"}
	for _, name := range []string{"label", "guid-prefix", "thread", "shards", "process", "cc", "tcp-ss", "level", "severity-output", "expose-fd", "proto"} {
		o[name] = bindOption{values: 1, grade: ignored, note: "it names or tunes the socket"}
	}
	for name := range strings.FieldsSeq(`
		alpn ca-file ca-ignore-err ca-sign-file ca-sign-pass ca-verify-file ciphers ciphersuites
		client-sigalgs crl-file crt crt-ignore-err crt-list curves default-crt ecdhe ktls npn
		ocsp-update sigalgs ssl-max-ver ssl-min-ver tls-ticket-keys verify
	`) {
		o[name] = bindOption{values: 1, grade: ignored, note: noteTLS}
	}
	for name := range strings.FieldsSeq(`
		allow-0rtt force-sslv3 force-tlsv10 force-tlsv11 force-tlsv12 force-tlsv13
		generate-certificates no-alpn no-ca-names no-sslv3 no-strict-sni no-tls-tickets no-tlsv10
		no-tlsv11 no-tlsv12 no-tlsv13 prefer-client-ciphers strict-sni tls-tickets
	`) {
		o[name] = bindOption{grade: ignored, note: noteTLS}
	}
	o["quic-cc-algo"] = bindOption{values: 1, grade: ignored, note: noteQUIC}
	o["quic-socket"] = bindOption{values: 1, grade: ignored, note: noteQUIC}
	o["quic-force-retry"] = bindOption{grade: ignored, note: noteQUIC}
	for _, name := range []string{"idle-ping", "nbconn"} {
		o[name] = bindOption{values: 1, grade: ignored, note: noteHTTP}
	}
	for _, name := range []string{"defer-accept", "tfo"} {
		o[name] = bindOption{grade: ignored, note: "it tunes the socket"}
	}
	return o
}

func octal(v string) error {
	if n, err := strconv.ParseUint(v, 8, 32); err != nil || n > 0o777 {
		return fmt.Errorf("missing or invalid mode '%s' (octal integer expected)", v)
	}
	return nil
}

func whole(v string) error {
	if _, err := strconv.Atoi(v); err != nil {
		return fmt.Errorf("expects an integer argument, found '%s'", v)
	}
	return nil
}

func positiveID(v string) error {
	if err := whole(v); err != nil {
		return err
	}
	if n, _ := strconv.Atoi(v); n <= 0 {
		return fmt.Errorf("custom id has to be > 0 (got '%s')", v)
	}
	return nil
}

func backlogLength(v string) error { return number(0, 1<<31-1)([]string{v}) }

func timeInMs(v string) error {
	_, err := haproxyfile.ParseTime(v, time.Millisecond)
	return err
}
