// SPDX-License-Identifier: Apache-2.0

package clienthello

import (
	"reflect"
	"strings"
	"testing"

	"github.com/caddy-passthrough/caddy-passthrough/modules/clienthello/hellotest"
)

// refusal returns the fields of a verdict that the table of hellotest has.
func refusal(v verdict) (outcome, detail string) {
	sentinel := map[Outcome]error{NotTLS: ErrNotTLS, SSLv2: ErrSSLv2, Malformed: ErrMalformed}[v.Outcome]
	if sentinel != nil { // the detail of TooLarge depends on the limit
		detail = strings.TrimPrefix(strings.TrimPrefix(v.Detail, sentinel.Error()), ": ")
	}
	return v.Outcome.String(), detail
}

func TestRefused(t *testing.T) {
	for _, tt := range hellotest.Refused() {
		t.Run(tt.Name, func(t *testing.T) {
			t.Parallel()
			got := inspectAll(t, tt.Raw)
			if outcome, detail := refusal(got); outcome != tt.Outcome || detail != tt.Detail {
				t.Errorf("got %s, %q; want %s, %q", outcome, detail, tt.Outcome, tt.Detail)
			}
			if want := got.Outcome == Malformed || got.Outcome == TooLarge; got.SpokeTLS != want {
				t.Errorf("spoke TLS: %v, want %v", got.SpokeTLS, want)
			}
		})
	}
}

// Rejected messages have the same verdict in small records.
func TestRefusedInRecords(t *testing.T) {
	var cut int
	for _, tt := range hellotest.Refused() {
		message, ok := messageIn(tt.Raw)
		if !ok || len(message) > 5000 {
			continue
		}
		cut++
		want := inspect(t, tt.Raw, 0, len(tt.Raw))
		for size := 1; size <= len(message); size += 1 + len(message)/100 {
			raw := hellotest.Records(message, size)
			for _, segment := range []int{1, len(raw)} {
				if diff := difference(want, inspect(t, raw, 0, segment)); diff != "" {
					t.Fatalf("%s in records of %d and segments of %d bytes (-want +got):\n%s", tt.Name, size, segment, diff)
				}
			}
		}
	}
	if cut < 100 {
		t.Errorf("only %d cases have a message to cut", cut)
	}
}

// TestRefusedTable checks the properties that the comment on hellotest.Refused promises.
func TestRefusedTable(t *testing.T) {
	table := hellotest.Refused()
	if !reflect.DeepEqual(table, hellotest.Refused()) {
		t.Error("the table is not always the same")
	}
	names, raws, details := make(map[string]bool), make(map[string]string), make(map[string]bool)
	outcomes := make(map[string]int)
	for _, tt := range table {
		if names[tt.Name] {
			t.Errorf("two cases are called %q", tt.Name)
		}
		if twin, ok := raws[string(tt.Raw)]; ok {
			t.Errorf("%q is the same as %q", tt.Name, twin)
		}
		names[tt.Name], raws[string(tt.Raw)], details[tt.Detail] = true, tt.Name, true
		outcomes[tt.Outcome]++
	}
	if len(table) < 60 || len(outcomes) != 4 {
		t.Errorf("%d cases, %v", len(table), outcomes)
	}
	t.Logf("%d cases: %v", len(table), outcomes)

	for _, err := range []error{
		errFirstByte, errVersion, errNotSSLv2,
		errEmptyRecord, errLongRecord, errInterleaved, errNotClientHello, errShortHello,
		errSessionID, errCipherSuites, errCompressions, errExtensions, errExtension, errDuplicate,
		errNameList, errNoName, errEmptyName, errLongName, errNameNUL, errSecondName,
		errALPN, errNoALPN, errEmptyALPN, errVersionList, errGroups, errPointFormats, errSignatures, errKeyShares,
	} {
		// "malformed: the detail"
		if _, detail, _ := strings.Cut(strings.TrimPrefix(err.Error(), "clienthello: "), ": "); !details[detail] {
			t.Errorf("no case for %q", detail)
		}
	}
}

// messageIn returns the handshake message, if raw consists of valid records.
func messageIn(raw []byte) (message []byte, ok bool) {
	for len(raw) > 0 {
		if len(raw) < recordHeaderLen || raw[0] != contentTypeHandshake || raw[1] > maxRecordMajor {
			return nil, false
		}
		fragment, rest, ok := cut16(raw[3:])
		if !ok || len(fragment) == 0 || len(fragment) > maxPlaintext {
			return nil, false
		}
		message, raw = append(message, fragment...), rest
	}
	return message, len(message) >= handshakeHeaderLen
}
