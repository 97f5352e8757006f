"""Services: entered, listed, taken back."""

from fastapi import APIRouter

router = APIRouter(prefix="/api", tags=["services"])
