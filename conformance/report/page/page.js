(function () {
  "use strict";
  var form = document.getElementById("filter");
  var query = document.getElementById("query");
  var feature = document.getElementById("feature");
  var shown = document.getElementById("shown");
  var cases = Array.prototype.slice.call(document.querySelectorAll("details.case"));
  var texts = new Map();
  function text(el) {
    if (!texts.has(el)) { texts.set(el, el.textContent.toLowerCase()); }
    return texts.get(el);
  }
  function checked(name) {
    var out = {};
    form.querySelectorAll("input[name=" + name + "]:checked").forEach(function (i) { out[i.value] = true; });
    return out;
  }
  function apply() {
    var labels = checked("label"), levels = checked("level");
    var words = query.value.toLowerCase().split(/\s+/).filter(Boolean);
    var n = 0;
    cases.forEach(function (el) {
      var d = el.dataset;
      var ok = labels[d.label] && levels[d.level] && (!feature.value || d.feature === feature.value) &&
        words.every(function (w) { return text(el).indexOf(w) >= 0; });
      el.hidden = !ok;
      if (ok) { n++; }
    });
    document.querySelectorAll("main section").forEach(function (s) {
      s.hidden = !s.querySelector("details.case:not([hidden])");
    });
    shown.textContent = n + " of " + cases.length + " shown";
  }
  function reveal() {
    var el = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (el && el.matches("details.case")) {
      el.hidden = false;
      el.closest("section").hidden = false;
      el.open = true;
      el.scrollIntoView();
    }
  }
  var timer;
  query.addEventListener("input", function () { clearTimeout(timer); timer = setTimeout(apply, 80); });
  form.addEventListener("change", apply);
  form.addEventListener("submit", function (e) { e.preventDefault(); apply(); });
  document.getElementById("open").addEventListener("click", function () {
    cases.forEach(function (el) { if (!el.hidden) { el.open = true; } });
  });
  document.getElementById("close").addEventListener("click", function () {
    cases.forEach(function (el) { el.open = false; });
  });
  window.addEventListener("hashchange", reveal);
  form.hidden = false;
  apply();
  reveal();
})();
