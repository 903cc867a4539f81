from django import forms
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from guestbook.models import Entry
from guestbook.version import VERSION

SHOWN = 50


class EntryForm(forms.ModelForm):
    class Meta:
        model = Entry
        fields = ["name", "message"]


@require_http_methods(["GET", "HEAD", "POST"])
def book(request):
    form = EntryForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        form.save()
        return redirect("book")
    context = {"form": form, "entries": Entry.objects.all()[:SHOWN], "version": VERSION}
    return render(request, "book.html", context, status=400 if form.errors else 200)
