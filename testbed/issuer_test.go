package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"gopkg.in/go-jose/go-jose.v2"
	"gopkg.in/go-jose/go-jose.v2/jwt"
)

func TestParseTokenOptions(t *testing.T) {
	o, err := parseTokenOptions([]string{"dir", "--user=alice", "--groups=devs,ops", "--seconds=-5"})
	if err != nil || o.runDir != "dir" || o.user != "alice" || !slices.Equal(o.groups, []string{"devs", "ops"}) || o.seconds != -5 {
		t.Fatalf("got %+v, %v", o, err)
	}
	for _, args := range [][]string{{"dir"}, {"--user=alice"}, {"dir", "more", "--user=alice"}} {
		if _, err := parseTokenOptions(args); err == nil {
			t.Errorf("%v is taken", args)
		}
	}
}

// What the API server would do: it reads the documents and checks the signature and the claims.
func TestATokenIsSignedWithTheKeyThatIsServed(t *testing.T) {
	dir := t.TempDir()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if err := (&pki{dir: dir}).writeKey(issuerKeyName, key); err != nil {
		t.Fatal(err)
	}
	handler, err := issuerHandler("https://issuer", key)
	if err != nil {
		t.Fatal(err)
	}
	var discovery struct {
		Issuer string `json:"issuer"`
		Keys   string `json:"jwks_uri"`
	}
	read(t, handler, "/.well-known/openid-configuration", &discovery)
	if discovery.Issuer != "https://issuer" {
		t.Errorf("the issuer calls itself %q", discovery.Issuer)
	}
	var keys jose.JSONWebKeySet
	read(t, handler, strings.TrimPrefix(discovery.Keys, discovery.Issuer), &keys)
	if len(keys.Keys) != 1 || !keys.Keys[0].IsPublic() {
		t.Fatalf("got the keys %+v, want one public key", keys.Keys)
	}

	now := time.Now()
	for seconds, want := range map[int]error{60: nil, -60: jwt.ErrExpired} {
		o := tokenOptions{user: "alice", groups: []string{"devs"}, audience: "us", seconds: seconds}
		token, err := signToken(dir, "https://issuer", o, now)
		if err != nil {
			t.Fatal(err)
		}
		parsed, err := jwt.ParseSigned(token)
		if err != nil {
			t.Fatal(err)
		}
		var claims jwt.Claims
		var groups struct {
			Groups []string `json:"groups"`
		}
		if err := parsed.Claims(keys.Keys[0], &claims, &groups); err != nil {
			t.Fatal(err)
		}
		if !slices.Equal(groups.Groups, []string{"devs"}) {
			t.Errorf("groups: got %v", groups.Groups)
		}
		expected := jwt.Expected{Issuer: "https://issuer", Subject: "alice", Audience: jwt.Audience{"us"}, Time: now}
		if err := claims.ValidateWithLeeway(expected, 0); err != want {
			t.Errorf("a token of %d s: got %v, want %v", seconds, err, want)
		}
	}
}

func read(t *testing.T, handler http.Handler, path string, into any) {
	t.Helper()
	answer := httptest.NewRecorder()
	handler.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, path, nil))
	if answer.Code != http.StatusOK {
		t.Fatalf("GET %s: %d", path, answer.Code)
	}
	if err := json.Unmarshal(answer.Body.Bytes(), into); err != nil {
		t.Fatalf("GET %s: %v", path, err)
	}
}
