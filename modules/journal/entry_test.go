// SPDX-License-Identifier: Apache-2.0

package journal

import (
	"strings"
	"testing"

	"github.com/caddy-passthrough/caddy-passthrough/modules/syslog"
)

func TestEntry(t *testing.T) {
	for line, want := range map[string]string{
		"text":                             "",
		"[1]":                              "",
		`{"broken":`:                       "",
		`{"level":"info","msg":"session"}`: "LEVEL=info\nMSG=session\n",
		`{"sni":"a\\x0ab","alpn":["h2","http/1.1"],"none":[]}`:      "ALPN=h2\nALPN=http/1.1\nSNI=a\\x0ab\n",
		`{"n":1.50,"ok":true,"no":null,"o":{"a":"b"},"l":[1,2]}`:    "L=[1,2]\nN=1.50\nNO=null\nO={\"a\":\"b\"}\nOK=true\n",
		`{"_PID":"1","9a":"2","__":"3","":"4","a-b.c":"5","é":"6"}`: "A=2\nPID=1\nA_B_C=5\n",
		`{"message":"m","PRIORITY":"0","syslog_identifier":"x"}`:    "",
		`{"` + strings.Repeat("k", 70) + `":"v"}`:                   strings.Repeat("K", 64) + "=v\n",
		`{"error":"two\nlines"}`:                                    "ERROR\n\x09\x00\x00\x00\x00\x00\x00\x00two\nlines\n",
		`{"a":"x\nMESSAGE=y"}`:                                      "A\n\x0b\x00\x00\x00\x00\x00\x00\x00x\nMESSAGE=y\n",
	} {
		got := string(appendEntry([]byte("before"), "edge", syslog.Warning, []byte(line)))
		if all := "beforePRIORITY=4\nSYSLOG_IDENTIFIER=edge\n" + want + "MESSAGE=" + line; got != all {
			t.Errorf("%s:\n%q, want\n%q", line, got, all)
		}
	}
	if got := string(appendEntry(nil, "x", syslog.Error, []byte("a\nb"))); !strings.HasSuffix(got, "MESSAGE\n\x03\x00\x00\x00\x00\x00\x00\x00a\nb") {
		t.Errorf("%q", got)
	}
}
