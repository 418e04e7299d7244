// SPDX-License-Identifier: Apache-2.0

package crypthash

import (
	"strings"
	"testing"

	"golang.org/x/crypto/bcrypt"
)

// The hashes by SHA-2 are those of openssl passwd.
func TestCompare(t *testing.T) {
	t.Parallel()
	byBcrypt, err := bcrypt.GenerateFromPassword([]byte("secret"), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	for hash, password := range map[string]string{
		"$5$saltsalt$7nms7uea33j6nUc5B/QNWbGgEhGAZc61YUN0rQzogB0":                                                              "Hello world!",
		"$5$rounds=10000$saltstringsaltst$3xv.VbSHBb41AL9AvLeujZkZRBAwqFMz2.opqey6IcA":                                         "Hello world!",
		"$5$saltsalt$fSdtAAr549Wx1h7lL66XTpgqF.cls5UHCOgn4sOxZf6":                                                              strings.Repeat("x", 70),
		"$6$saltsalt$pn.eNCAqRIao3pxsOGdjVa9wVR7Rb/3WnbxOluoQKVZPzLuyetx3yF6VIZDfQnn/arrFVfrq3BqRb9gLqhI5z0":                   "Hello world!",
		"$6$rounds=1400$anotherlongsal$FuyLGGTqBLjB7pIKKaX2I209PwF2O0Qf1nR6geM.WSwSo2M0aWGhtGvCZHKJXx60etPNQUcxUa2JSHU1RV4Y3.": "a longer text, of more than sixty-four bytes, so that its digest is used twice",
		"$6$saltsalt$8gzUrz5S2/0AfMGfui2LllQQ2fwu.jYnAVGef2XY7gAo0jNFrzHsTq9lMr2ze7QvIJxr4BYOKdgDpx4Va9Atb1":                   "a",
		"$6$saltsalt$rJ5MTzYQYLxoCZOW6LdCq4ICvfx4qWOG90zufRMqQnTqnAqHnaYIccNFgiQi4pQkqTSG8JJxXlrQapxRNGhqg/":                   "pä$s",
		string(byBcrypt): "secret",
		"$2y" + strings.TrimPrefix(string(byBcrypt), "$2a"): "secret",
		Salted("", "text"):                   "",
		"$1$saltsalt$le8lFSqqnPaRFOlmAZpvH1": "Hello world!",
	} {
		for given, want := range map[string]bool{password: true, password + "x": false, "other": false} {
			if got, err := (Hash{}).Compare([]byte(hash), []byte(given)); err != nil || got != want {
				t.Errorf("%s, %q: %v, %v", hash, given, got, err)
			}
		}
	}
}

func TestValidate(t *testing.T) {
	t.Parallel()
	for _, hash := range []string{"", "secret", "$6$salt", "$6$rounds=x$salt$" + strings.Repeat("a", 86), "$2y$10$short", "aXy0123456789"} {
		if Validate(hash) == nil {
			t.Errorf("%q is accepted", hash)
		}
	}
}

// A password always has the same hash, and another one has another.
func TestHash(t *testing.T) {
	t.Parallel()
	a, _ := Hash{}.Hash([]byte("a"))
	again, _ := Hash{}.Hash([]byte("a"))
	b, _ := Hash{}.Hash([]byte("b"))
	if string(a) != string(again) || string(a) == string(b) || !strings.HasPrefix(string(a), "$6$") {
		t.Errorf("%s, %s, %s", a, again, b)
	}
	if same, err := (Hash{}).Compare(a, []byte("a")); err != nil || !same {
		t.Errorf("%v, %v", same, err)
	}
	if same, err := (Hash{}).Compare(Hash{}.FakeHash(), []byte("a")); err != nil || same {
		t.Errorf("the fake hash: %v, %v", same, err)
	}
}
