from django.test import TestCase

from guestbook.models import Entry
from guestbook.version import VERSION


class BookTests(TestCase):
    def test_the_page_shows_the_version_and_the_entries_newest_first(self):
        Entry.objects.create(name="Ada", message="first")
        Entry.objects.create(name="Grace", message="second")
        page = self.client.get("/", headers={"host": "localhost"}).content.decode()
        self.assertIn(f"Version {VERSION}", page)
        self.assertLess(page.index("second"), page.index("first"))

    def test_an_entry_that_is_posted_is_stored_and_shown(self):
        answer = self.client.post(
            "/", {"name": "Ada", "message": "Hello"}, follow=True, headers={"host": "localhost"}
        )
        self.assertContains(answer, "Hello")
        self.assertEqual(Entry.objects.get().name, "Ada")

    def test_an_entry_without_a_message_is_refused(self):
        answer = self.client.post("/", {"name": "Ada", "message": ""}, headers={"host": "localhost"})
        self.assertEqual(answer.status_code, 400)
        self.assertFalse(Entry.objects.exists())

    def test_what_people_write_is_escaped(self):
        Entry.objects.create(name="Eve", message="<script>alert(1)</script>")
        page = self.client.get("/", headers={"host": "localhost"})
        self.assertNotContains(page, "<script>alert")


class HealthTests(TestCase):
    def test_it_answers_whatever_the_host_name_is_and_without_the_database(self):
        with self.assertNumQueries(0):
            answer = self.client.get("/healthz", headers={"host": "10.0.0.7:8000"})
        self.assertEqual((answer.status_code, answer.content), (200, b"ok"))
