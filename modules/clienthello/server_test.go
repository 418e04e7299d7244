// SPDX-License-Identifier: Apache-2.0

package clienthello

import (
	"encoding/hex"
	"strings"
	"testing"
)

func TestParseServer(t *testing.T) {
	const random = "0303" + "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
	for _, c := range []struct {
		name, bytes string
		version     uint16
		alert       uint8
	}{
		{"an alert", "15030300020228", 0, 41},
		{"a warning", "15030100020170", 0, 0},
		{"another version of records", "15020100020228", 0, 0},
		{"a fatal alert and more", "15030100020270aabb", 0, 113},
		{"half an alert", "150303000202", 0, 0},
		{"TLS 1.2", "160303002e 0200002a" + random + "00 c02f 00 0000", 0x0303, 0},
		{"TLS 1.0", "160301002e 0200002a" + strings.Replace(random, "0303", "0301", 1) + "00 0035 00", 0x0301, 0},
		{"TLS 1.3", "160303007a 02000076" + random + "02 aabb 1301 00 002e 00330002 0017 002b0002 0304", 0x0304, 0},
		{"TLS 1.3, cut before the extension", "160303007a 02000076" + random + "02 aabb 1301 00 002e 00330002", 0x0303, 0},
		{"a long session id", "160303007a 02000076" + random + "ff", 0x0303, 0},
		{"another message", "160303007a 0b000076" + random, 0, 0},
		{"an encrypted alert", "1503030013" + random, 0, 0},
		{"text", hex.EncodeToString([]byte("SSH-2.0-OpenSSH_9.2")), 0, 0},
		{"nothing", "", 0, 0},
	} {
		b, err := hex.DecodeString(strings.ReplaceAll(c.bytes, " ", ""))
		if err != nil {
			t.Fatal(err)
		}
		if version, alert := ParseServer(b); version != c.version || alert != c.alert {
			t.Errorf("%s: %04x, %d, want %04x, %d", c.name, version, alert, c.version, c.alert)
		}
		for n := range b {
			ParseServer(b[:n])
		}
	}
}
